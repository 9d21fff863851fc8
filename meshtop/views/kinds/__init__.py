"""The kinds, one file each: items, columns and details."""
