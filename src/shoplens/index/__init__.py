"""Vectors and product records -> a store on disk; retrieval."""
