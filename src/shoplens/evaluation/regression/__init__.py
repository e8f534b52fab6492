"""The quality gate: a baseline on corrupted photos, and the comparison with it."""
