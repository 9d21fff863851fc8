"""Pure functions from a Snapshot, or a part of it, to frozen results: no I/O, no clock, no environment."""
