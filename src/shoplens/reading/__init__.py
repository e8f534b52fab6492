"""Reads what is printed in a photo."""
