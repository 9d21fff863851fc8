"""Everything that reads: kubeconfig, Kubernetes, Prometheus, PromQL, registries."""
