"""Assembly of rows into products: which rows are one product, what it inherits, and whether it is valid."""
