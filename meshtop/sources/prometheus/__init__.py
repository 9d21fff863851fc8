"""Reading Prometheus and what speaks its API: Thanos, Mimir, Cortex, VictoriaMetrics."""
