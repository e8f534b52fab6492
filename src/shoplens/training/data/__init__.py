"""What training learns from: photos, as they are and augmented, with their features and feature maps."""
