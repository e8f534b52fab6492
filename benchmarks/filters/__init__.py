"""What the filters read, what they add to an answer, and what they cost."""
