"""Tenancy: owners of namespaces, traffic of tenants, and traffic that the tenancy settings forbid."""
