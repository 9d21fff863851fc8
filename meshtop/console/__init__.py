"""The console: a Textual application over the observatory and the views."""
