"""Recordings: the Snapshots of a while in one file, written frame by frame, read at any of their moments."""
