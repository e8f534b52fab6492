"""How good the answers are, in numbers and in pictures."""
