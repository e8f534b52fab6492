"""What shoppers did with answers: kept durably, without photos, for as long as the shop wants; forgotten on demand."""
