"""The service graph: built, laid out, drawn, walked, exported; all of it pure."""
