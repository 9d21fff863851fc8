"""The observatory: reads all sources concurrently, combines the answers into Snapshots, and publishes them."""
