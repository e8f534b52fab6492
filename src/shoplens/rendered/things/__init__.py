"""The outlines of what the drawn shop sells."""
