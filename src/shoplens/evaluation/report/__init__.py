"""The pages that evaluations write: each one file, nothing to load."""
