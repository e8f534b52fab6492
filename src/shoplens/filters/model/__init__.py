"""Filters that have been fitted: what they say of photos, and how they lie on disk."""
