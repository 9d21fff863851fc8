"""Whose a namespace is, what each tenant's traffic is, and which crossings the settings forbid."""
