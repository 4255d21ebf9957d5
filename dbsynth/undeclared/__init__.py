"""Looks for references that a source does not declare."""
