"""SQL as package data: one statement per file, read by `dbsynth.queries`."""
