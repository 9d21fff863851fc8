"""Configuration: the settings, where they are read from, and which source took precedence."""
