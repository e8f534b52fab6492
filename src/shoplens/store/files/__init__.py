"""Files that survive: written in one step, locked, or made anew when they are damaged."""
