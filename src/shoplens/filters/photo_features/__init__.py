"""What is measured on the pixels of a photo."""
