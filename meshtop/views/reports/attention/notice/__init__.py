"""What is wrong, each kind of it in a file: clusters and their sources, calls and workloads, configuration."""
