"""What the screens do with actions: plan a shift, run it, read the journal, and know who may write."""
