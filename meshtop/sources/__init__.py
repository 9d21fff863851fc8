"""Everything that reads clusters: their logins, their API servers, their Prometheus engines."""
