"""Which objects of Istio and Gateway API a client or a workload sees and obeys."""
