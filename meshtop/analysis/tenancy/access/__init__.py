"""Access decisions: Next Generation Access Control (NGAC, INCITS 565), following NIST's reference implementation."""
