"""What goes wrong with a shopper's photo, a file per effect, and the recipes that combine the effects."""
