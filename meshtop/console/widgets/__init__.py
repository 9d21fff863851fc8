"""The console's own widgets, each drawn on Textual's line API."""
