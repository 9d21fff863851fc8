"""Comparisons between clusters: members, configuration, hosts, localities, control planes."""
