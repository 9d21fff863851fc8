"""The console's screens: each a face of a view, with the same chrome around it."""
