"""Configuration drift: the same object in several clusters, compared by meaning."""
