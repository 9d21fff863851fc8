"""What lies between the console and the terminal: fewer bytes, signals, colour decisions."""
