"""The map of the catalogue, on which similar products lie together."""
