"""Reports over more than one kind: attention, doctor, what-if, the graph, the security overview."""
