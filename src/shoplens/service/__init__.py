"""A store as an HTTP service, thin over the shop: parse, then call."""
