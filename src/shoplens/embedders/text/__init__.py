"""Vectors of texts in the same space as those of photos, for models that have a text tower."""
