"""The console's screens: each draws a view, with bars above and below that all screens share."""
