"""The store: everything on disk for one catalogue, and the lock that says which process may change it."""
