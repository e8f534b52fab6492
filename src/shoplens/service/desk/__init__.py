"""The desk of merchandisers: its documents, and the log of searches."""
