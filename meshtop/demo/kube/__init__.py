"""A simulated Kubernetes API server: enough of the real one for kubectl, served from memory over HTTP."""
