"""What the service keeps in memory, and the counts of searches that found nothing."""
