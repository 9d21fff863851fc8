"""What draws on more than one kind: attention, doctor, what-if, the graph, security at a glance."""
