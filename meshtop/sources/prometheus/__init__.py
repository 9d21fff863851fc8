"""Reading Prometheus and engines with its API: Thanos, Mimir, Cortex, VictoriaMetrics."""
