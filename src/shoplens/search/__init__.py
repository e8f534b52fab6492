"""Query: a photo, or what is asked in its place, to ranked products."""
