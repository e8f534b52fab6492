"""Copies of generations: kept, lent, backed up, restored."""
