"""What decoding may cost."""
