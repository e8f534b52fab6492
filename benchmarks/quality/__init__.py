"""How often the right product is found, and how true what an answer says about itself is."""
