"""Findings: the configuration of all clusters judged at once, with Istio's own message codes and some of meshtop's."""
