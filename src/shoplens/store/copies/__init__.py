"""Copies of generations: snapshots for commands, backups, and the way back from both."""
