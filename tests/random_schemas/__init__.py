"""Random schemas with rows, from a seed, for PostgreSQL, SQLite and DuckDB."""
