"""What is learned from: photos, as they are and as if taken again, with their features and maps."""
