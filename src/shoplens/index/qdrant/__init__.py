"""The engine: Qdrant Edge behind the protocol of an index."""
