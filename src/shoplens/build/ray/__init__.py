"""Building on many machines with Ray Data."""
