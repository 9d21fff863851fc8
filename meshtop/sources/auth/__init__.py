"""Kubeconfigs and logins: which clusters there are, and with which credentials each is asked."""
