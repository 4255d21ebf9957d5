"""Finds rules that hold in a sample of the source, other than by chance."""
