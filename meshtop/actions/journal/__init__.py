"""The journal of actions: what was intended, what came of it, and which process runs an action."""
