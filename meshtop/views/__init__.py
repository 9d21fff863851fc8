"""Views of kinds: from a Snapshot and a query to rows with typed columns, for screens and printers alike."""
