"""The invented world behind the demo: a company, its clusters, their objects and their traffic."""
