"""The log of what shoppers did with answers: durable, without photos, for a limited time; deleted on demand."""
