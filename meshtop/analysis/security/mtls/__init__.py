"""mTLS declared: what PeerAuthentications and DestinationRules amount to, exactly as istiod computes it."""
