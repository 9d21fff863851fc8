"""Configuration: what a user may set, where it is found, and which source won."""
