"""Shifting weights: planned, checked, previewed, run in waves, watched, and taken back."""
