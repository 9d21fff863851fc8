"""The commands and their printers; it never imports the console's toolkit."""
