"""What responses have in common: compression, texts for people, and their document."""
