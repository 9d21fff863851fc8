"""Alerts and objectives: what they are about, how much they matter, and the rules that record them."""
