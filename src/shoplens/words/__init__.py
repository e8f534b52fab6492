"""A shopper's words -> classes, values, prices and titles of a shop."""
