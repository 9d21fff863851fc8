"""Simulated clusters served over real HTTP; a house of its own that imports no other room."""
