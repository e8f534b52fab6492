"""What a search page shows before and beside a search."""
