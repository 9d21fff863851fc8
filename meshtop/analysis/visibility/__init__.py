"""Visibility: which objects of Istio and Gateway API apply to a client or workload."""
