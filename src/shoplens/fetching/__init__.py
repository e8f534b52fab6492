"""Fetching what others name, safely and politely, and the one way to write its address."""
