"""Merchandising by hand: products that are pinned, boosted or buried."""
