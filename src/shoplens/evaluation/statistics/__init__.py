"""Figures from ranked answers, and how sure they are."""
