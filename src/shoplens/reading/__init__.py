"""Reads what is printed in a photo, and compares words with those of products."""
