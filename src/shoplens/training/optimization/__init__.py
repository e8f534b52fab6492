"""How it is learned: courses of steps, losses, heads, a softmax, a network's end; and what serves of it."""
