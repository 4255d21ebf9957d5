"""Makes rows keep what their own table declares: checks, keys that never repeat, exclusions."""
