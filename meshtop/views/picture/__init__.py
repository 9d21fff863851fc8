"""One Snapshot and what follows from it, worked out once for all views."""
