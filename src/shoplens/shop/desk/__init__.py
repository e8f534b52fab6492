"""What merchandisers do with an open shop."""
