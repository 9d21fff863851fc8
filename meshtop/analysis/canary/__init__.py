"""Canary analysis: whether the traffic split matches the weights, and whether the new version is worse."""
