"""The one loop: ask every source at once, fold the answers into a Snapshot, publish it."""
