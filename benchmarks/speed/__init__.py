"""How fast photos are indexed and products retrieved, beside the bare work and beside other engines."""
