"""Photos -> scores in each dimension: what is measured in a photo, and what is learned from the catalogue."""
