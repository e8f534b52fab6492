"""The things in a photo: a search for each, which of them matched, and pictures of them."""
