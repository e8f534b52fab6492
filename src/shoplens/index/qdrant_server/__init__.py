"""A Qdrant server, or a cluster of them, behind the protocol of an index."""
