"""Canaries judged: does the mesh send what the weights say, and is the new version worse than the old one?"""
