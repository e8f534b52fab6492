"""Colours, patterns and materials, and how light falls on them."""
