"""Networks that others have trained: which there are, and how one becomes a model of Shoplens."""
