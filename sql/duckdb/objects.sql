-- One row: a view or a macro, with the statement that makes it.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_views(), duckdb_functions(); the defaults of a macro's parameters are not kept there.
SELECT kind, schema_name, name, statement
FROM (
    SELECT 'view' AS kind, schema_name, view_name AS name, sql AS statement, view_oid AS oid
    FROM duckdb_views()
    WHERE database_name = current_database() AND NOT internal AND NOT temporary
    UNION ALL
    SELECT
        'macro',
        schema_name,
        function_name,
        format(
            'CREATE MACRO "{}"."{}"({}) AS {}{}',
            replace(schema_name, '"', '""'),
            replace(function_name, '"', '""'),
            array_to_string(parameters, ', '),
            CASE function_type WHEN 'table_macro' THEN 'TABLE ' ELSE '' END,
            macro_definition
        ),
        function_oid
    FROM duckdb_functions()
    WHERE database_name = current_database() AND NOT internal AND function_type LIKE '%macro'
)
ORDER BY kind, schema_name, name, statement
