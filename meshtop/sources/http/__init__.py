"""Connections: one HTTP client for each cluster, the read-only gate, and failures in words."""
