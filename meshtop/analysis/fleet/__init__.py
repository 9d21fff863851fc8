"""Many clusters held against each other: members, configuration, hosts, localities, control planes."""
