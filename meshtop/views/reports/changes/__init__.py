"""What changed in all clusters: who, what, when, what it did to the calls, and what it is suspected of."""
