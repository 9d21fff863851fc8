"""Which mesh a cluster belongs to, and what its control planes say of it."""
