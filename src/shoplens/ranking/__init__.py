"""Candidates -> results."""
