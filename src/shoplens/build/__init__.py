"""The build path: from a feed, or from changes without one, to the products of a store, generation by generation."""
