"""Mutual TLS, trust between clusters, certificates, and who is authorized."""
