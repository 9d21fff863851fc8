"""Actions in the console, independent of screens: planning and running shifts, the journal, and permissions."""
