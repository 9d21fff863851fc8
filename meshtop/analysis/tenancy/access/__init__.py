"""Who may do what: Next Generation Access Control (INCITS 565), decided as NIST's reference reads it."""
