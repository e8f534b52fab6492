"""Build: a feed, or what changes without one, to the products of a store, one generation after another."""
