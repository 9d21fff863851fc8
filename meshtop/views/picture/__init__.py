"""A Snapshot with all derived analyses, each computed once for all views."""
