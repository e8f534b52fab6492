"""What the service remembers for a while."""
