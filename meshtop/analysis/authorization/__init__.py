"""Who may call whom: Istio's AuthorizationPolicies judged for a call, with what the call does not tell left open."""
