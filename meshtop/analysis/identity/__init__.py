"""Identity of clusters: the mesh and network they belong to, and the settings of their control planes."""
