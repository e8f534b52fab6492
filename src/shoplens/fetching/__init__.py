"""Safe fetching of photos and feeds from URLs that others wrote, and the normal form of these URLs."""
