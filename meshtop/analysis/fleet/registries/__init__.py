"""Registries of member clusters: each project's objects, read into one shape (reference: Federation)."""
