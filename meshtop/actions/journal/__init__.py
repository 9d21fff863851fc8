"""The journal of actions: intentions, outcomes, and which process runs an action."""
