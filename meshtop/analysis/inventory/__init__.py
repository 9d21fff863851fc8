"""Derived inventory of one cluster: workloads, their pods and owners, virtual machines."""
