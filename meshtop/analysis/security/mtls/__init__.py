"""Mutual TLS: the effect of PeerAuthentications and DestinationRules as istiod computes it, and observed traffic."""
