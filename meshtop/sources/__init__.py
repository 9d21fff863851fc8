"""Sources: reading clusters by their logins, API servers and Prometheus engines."""
