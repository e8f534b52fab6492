"""What a ranker learns from, its networks, and their export."""
