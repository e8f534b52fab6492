"""Features and classes to filters, without torch."""
