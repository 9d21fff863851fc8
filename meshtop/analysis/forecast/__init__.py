"""What would become of the calls that were seen, if objects were applied or removed."""
