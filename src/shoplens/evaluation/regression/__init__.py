"""Whether the system got worse: a baseline on corrupted photos, and the comparison with it."""
