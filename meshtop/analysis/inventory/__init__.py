"""What one cluster's objects amount to: workloads, their pods and owners, virtual machines."""
