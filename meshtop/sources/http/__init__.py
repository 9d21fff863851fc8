"""Connections: one HTTP client for each cluster, the gate of read-only, failures in words."""
