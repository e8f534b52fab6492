"""What words in photos, barcodes and wishes in words find."""
