"""Weight shifts: planned, checked, previewed, run in waves, watched, and rolled back."""
