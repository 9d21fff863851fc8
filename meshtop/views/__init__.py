"""What a kind looks like: Snapshot and query in, rows with typed columns out; for screens and printers alike."""
