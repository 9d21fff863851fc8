"""The kinds, one file each: items, columns, and what is shown of one thing when it is opened."""
