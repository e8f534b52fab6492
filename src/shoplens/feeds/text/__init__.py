"""What the text of feeds holds: lines, tables, prices and words fit to be shown."""
