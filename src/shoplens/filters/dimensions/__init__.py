"""Which dimensions a shop has, from its feed, its labels and its configuration."""
