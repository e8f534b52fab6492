"""What training is worth: looks, classifiers, rankers and clicks."""
