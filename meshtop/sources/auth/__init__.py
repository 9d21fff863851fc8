"""Kubeconfigs and logins: the clusters, and the credentials for each."""
