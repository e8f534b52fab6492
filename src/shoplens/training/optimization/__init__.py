"""How networks are trained: the loop, losses, heads, a softmax and a network's end; and what they are exported as."""
