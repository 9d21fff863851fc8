"""Mutual TLS, trust between clusters, certificates, and authorization policies."""
