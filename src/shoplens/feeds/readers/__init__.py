"""One reader per format of feed: a file in, its rows out."""
