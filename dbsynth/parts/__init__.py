"""Texts of values that are made of others (JSON, arrays, shapes), taken apart and put together."""
