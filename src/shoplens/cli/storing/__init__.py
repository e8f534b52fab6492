"""Commands on stores."""
