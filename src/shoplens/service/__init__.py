"""The HTTP service of a shop; a thin layer that parses requests and calls the shop."""
