"""The simulated Prometheus: PromQL with the semantics of 2.42 over series that are computed on demand."""
