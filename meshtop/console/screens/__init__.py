"""The console's screens: each shows a view between common bars at the top and bottom."""
