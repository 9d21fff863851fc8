"""What misbehaves: servers, and the proof that it costs nobody else anything."""
