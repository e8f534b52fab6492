"""Photos and titles of the catalogue itself, by which the weights of a shop are chosen."""
