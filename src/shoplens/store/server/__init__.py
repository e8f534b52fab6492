"""A store whose index is on a Qdrant server, and whose files are in an object store."""
