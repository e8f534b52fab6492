"""The store: everything on disk for one catalogue, and who may change it."""
