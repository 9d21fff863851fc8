"""What makes releases: the one-file program, krew's manifest, manual pages, completion files."""
