"""Actions, the only code that writes to clusters: plans, their journal, and the connections for writing."""
