"""Propagation: copying configuration from one cluster to others, and undoing it."""
