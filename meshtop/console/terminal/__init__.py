"""The layer between the console and the terminal: cell diff, signals, and colours."""
