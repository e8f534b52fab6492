"""Training on a shop's own photos: a look, a ranker, and the baseline of a classifier with an output per product."""
