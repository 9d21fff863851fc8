"""Copying configuration from one cluster to others, and taking the copies back."""
