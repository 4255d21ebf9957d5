-- One row: a primary key, unique, check or foreign key; columns come as ordered lists.
-- DuckDB 1.2 and newer; run on 2.0.0.
-- Relies on duckdb_constraints(); a foreign key's parent is always in the same schema.
SELECT
    schema_name,
    table_name,
    constraint_type,
    constraint_name,
    constraint_column_names,
    expression,
    referenced_table,
    referenced_column_names
FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type <> 'NOT NULL'
ORDER BY schema_name, table_name, constraint_index
