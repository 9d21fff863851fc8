"""What changed in clusters, from the marks that they keep: who, what, when; and what of it may be the cause of what."""
