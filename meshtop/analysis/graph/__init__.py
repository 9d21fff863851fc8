"""The service graph: building, layout, drawing, navigation and export, as pure functions."""
