"""Drawing: things made of parts with pattern, relief and light, and the rooms that they are photographed in."""
