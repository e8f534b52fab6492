"""Learning from a shop's own photos: distances, and the honest baseline of an output per product."""
