-- One row per object that is neither table nor key, with the statement that makes it again, in an
-- order in which the statements work; no statement: dbsynth cannot carry it.  PostgreSQL 13 to 18.
-- pg_extension, pg_collation, pg_type, pg_proc, pg_class, pg_rewrite, pg_trigger, pg_policy, pg_sequence, pg_constraint.
WITH RECURSIVE owned AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
), spaces AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), views AS (
    SELECT c.oid, s.nspname, c.relname, c.relkind, c.reloptions
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't'
      AND NOT EXISTS (
          SELECT FROM owned o
          WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid)
), depth (oid, level) AS (
    SELECT v.oid, 0 FROM views v
    UNION
    SELECT r.ev_class, p.level + 1
    FROM depth p
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.refobjid = p.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> p.oid
    JOIN views v ON v.oid = r.ev_class
), listed AS (
    SELECT 0 AS stage, 0 AS level, s.oid, 'schema' AS kind, s.nspname::text AS name,
           pg_catalog.format('CREATE SCHEMA %%I', s.nspname) AS statement, true AS before_tables
    FROM spaces s
    WHERE s.nspname <> 'public' AND NOT EXISTS (
        SELECT FROM owned o
        WHERE o.classid = 'pg_catalog.pg_namespace'::regclass AND o.objid = s.oid)
    UNION ALL
    SELECT 1, 0, e.oid, 'extension', e.extname::text,
           pg_catalog.format(
               'CREATE EXTENSION IF NOT EXISTS %%I WITH SCHEMA %%I', e.extname, n.nspname
           ), true
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 2, 0, t.oid,
           CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type' ELSE 'range type' END,
           pg_catalog.format('%%I.%%I', s.nspname, t.typname),
           CASE t.typtype
           WHEN 'd' THEN pg_catalog.concat_ws(' ',
               pg_catalog.format('CREATE DOMAIN %%I.%%I AS %%s', s.nspname, t.typname,
                                 pg_catalog.format_type(t.typbasetype, t.typtypmod)),
               (SELECT pg_catalog.format('COLLATE %%I.%%I', ln.nspname, l.collname)
                FROM pg_catalog.pg_collation l
                JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
                JOIN pg_catalog.pg_type u ON u.oid = t.typbasetype
                WHERE l.oid = t.typcollation AND t.typcollation <> u.typcollation),
               'DEFAULT ' || t.typdefault,
               CASE WHEN t.typnotnull THEN 'NOT NULL' END,
               (SELECT pg_catalog.string_agg(pg_catalog.format(
                    'CONSTRAINT %%I %%s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), ' '
                    ORDER BY k.conname)
                FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
           WHEN 'c' THEN pg_catalog.format('CREATE TYPE %%I.%%I AS (%%s)', s.nspname, t.typname,
               (SELECT pg_catalog.string_agg(pg_catalog.format(
                    '%%I %%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', '
                    ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
           ELSE (SELECT pg_catalog.format(
                    'CREATE TYPE %%I.%%I AS RANGE (SUBTYPE = %%s%%s)', s.nspname, t.typname,
                    pg_catalog.format_type(g.rngsubtype, NULL),
                    CASE WHEN d.oid IS NOT NULL
                         THEN pg_catalog.format(', SUBTYPE_DIFF = %%s', g.rngsubdiff) END)
                 FROM pg_catalog.pg_range g
                 LEFT JOIN pg_catalog.pg_proc d ON d.oid = g.rngsubdiff
                      AND d.pronamespace = 'pg_catalog'::regnamespace
                 WHERE g.rngtypid = t.oid AND g.rngcanonical = 0
                   AND (g.rngsubdiff = 0 OR d.oid IS NOT NULL))
           END, true
    FROM pg_catalog.pg_type t
    JOIN spaces s ON s.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('d', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
      AND NOT EXISTS (
          SELECT FROM owned o
          WHERE o.classid = 'pg_catalog.pg_type'::regclass AND o.objid = t.oid)
    UNION ALL
    SELECT 3, 0, p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'
                        ELSE 'function' END,
           p.oid::regprocedure::text,
           CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END, true
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (
        SELECT FROM owned o
        WHERE o.classid = 'pg_catalog.pg_proc'::regclass AND o.objid = p.oid)
      AND NOT EXISTS (  -- constructors of range types come with the type
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    UNION ALL
    SELECT 4, l.level, v.oid, CASE v.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,
           pg_catalog.format('%%I.%%I', v.nspname, v.relname),
           pg_catalog.format('CREATE %%s %%I.%%I%%s AS %%s',
               CASE v.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
               v.nspname, v.relname,
               ' WITH (' || pg_catalog.array_to_string(v.reloptions, ', ') || ')',
               pg_catalog.rtrim(pg_catalog.pg_get_viewdef(v.oid), ';'))
           || coalesce((
               SELECT pg_catalog.string_agg('; ' || pg_catalog.pg_get_indexdef(i.indexrelid), '')
               FROM pg_catalog.pg_index i WHERE i.indrelid = v.oid), '')
           || coalesce(pg_catalog.format('; COMMENT ON %%s %%I.%%I IS %%L',
               CASE v.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, v.nspname, v.relname,
               pg_catalog.obj_description(v.oid, 'pg_class')), ''), false
    FROM views v
    JOIN (SELECT d.oid, max(d.level) AS level FROM depth d GROUP BY d.oid) l ON l.oid = v.oid
    UNION ALL
    SELECT 5, 0, g.oid, 'trigger', pg_catalog.format('%%s.%%I', g.tgrelid::regclass, g.tgname),
           pg_catalog.pg_get_triggerdef(g.oid), false
    FROM pg_catalog.pg_trigger g
    WHERE NOT g.tgisinternal AND g.tgrelid = ANY (%(tables)s::oid[])
    UNION ALL
    SELECT 6, 0, s.seqrelid, 'numbering', pg_catalog.format('%%s.%%I', a.attrelid::regclass, a.attname),
           CASE WHEN sc.relname <> tc.relname || '_' || a.attname || '_seq' THEN pg_catalog.format(
               'ALTER SEQUENCE %%I.%%I RENAME TO %%I; ', tn.nspname,
               tc.relname || '_' || a.attname || '_seq', sc.relname) ELSE '' END
           || pg_catalog.format(
               'ALTER TABLE %%s ALTER COLUMN %%I SET START WITH %%s RESTART SET INCREMENT BY %%s'
               ' SET MINVALUE %%s SET MAXVALUE %%s SET CACHE %%s SET %%s', a.attrelid::regclass,
               a.attname, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), false
    FROM pg_catalog.pg_sequence s
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass
        AND d.objid = s.seqrelid AND d.deptype = 'i'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    JOIN pg_catalog.pg_class sc ON sc.oid = s.seqrelid
    JOIN pg_catalog.pg_class tc ON tc.oid = a.attrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace
    WHERE a.attrelid = ANY (%(tables)s::oid[])
      AND (sc.relname <> tc.relname || '_' || a.attname || '_seq' OR s.seqincrement <> 1 OR s.seqmin <> 1 OR s.seqstart <> 1 OR s.seqcache <> 1 OR s.seqcycle)
    UNION ALL
    SELECT 7, 0, p.oid, 'policy', pg_catalog.format('%%s.%%I', p.polrelid::regclass, p.polname),
           NULL, false
    FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY (%(tables)s::oid[])
    UNION ALL
    SELECT 7, 0, k.oid, 'exclusion constraint',
           pg_catalog.format('%%s.%%I', k.conrelid::regclass, k.conname),
           pg_catalog.format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass,
                             k.conname, pg_catalog.pg_get_constraintdef(k.oid)), false
    FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'x' AND k.conrelid = ANY (%(tables)s::oid[])
    UNION ALL
    SELECT 7, 0, r.oid, 'rule', pg_catalog.format('%%s.%%I', r.ev_class::regclass, r.rulename),
           pg_catalog.pg_get_ruledef(r.oid), false
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY (%(tables)s::oid[])
    UNION ALL
    SELECT 1, 1, l.oid, 'collation', pg_catalog.format('%%I.%%I', s.nspname, l.collname),
           CASE WHEN j.fields ->> 'collicurules' IS NULL THEN pg_catalog.format(
               'CREATE COLLATION %%I.%%I (PROVIDER = %%s, LOCALE = %%L, DETERMINISTIC = %%s)',
               s.nspname, l.collname, CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc'
                                      ELSE 'builtin' END,
               coalesce(j.fields ->> 'colllocale', j.fields ->> 'colliculocale',
                        j.fields ->> 'collcollate'), l.collisdeterministic::text) END, true
    FROM pg_catalog.pg_collation l JOIN spaces s ON s.oid = l.collnamespace
    CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(l) AS fields) j  -- columns differ by version
    WHERE NOT EXISTS (
        SELECT FROM owned o
        WHERE o.classid = 'pg_catalog.pg_collation'::regclass AND o.objid = l.oid)
    UNION ALL
    SELECT 7, 0, x.oid, 'statistics', pg_catalog.format('%%I.%%I', s.nspname, x.stxname),
           pg_catalog.pg_get_statisticsobjdef(x.oid), false
    FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace
    UNION ALL
    SELECT 7, 0, e.oid, 'event trigger', e.evtname::text, NULL, false
    FROM pg_catalog.pg_event_trigger e
    WHERE NOT EXISTS (
        SELECT FROM owned o
        WHERE o.classid = 'pg_catalog.pg_event_trigger'::regclass AND o.objid = e.oid)
    UNION ALL
    SELECT 7, 0, p.oid, 'publication', p.pubname::text, NULL, false
    FROM pg_catalog.pg_publication p
    UNION ALL
    SELECT 7, 0, l.oid, l.kind, pg_catalog.format('%%I.%%I', s.nspname, l.name), NULL, true
    FROM (
        SELECT c.oid, 'pg_catalog.pg_opclass'::regclass AS classid, c.opcnamespace AS space,
               c.opcname AS name, 'operator class' AS kind
        FROM pg_catalog.pg_opclass c
        UNION ALL
        SELECT o.oid, 'pg_catalog.pg_operator'::regclass, o.oprnamespace, o.oprname, 'operator'
        FROM pg_catalog.pg_operator o
        UNION ALL
        SELECT t.oid, 'pg_catalog.pg_ts_config'::regclass, t.cfgnamespace, t.cfgname,
               'text search configuration'
        FROM pg_catalog.pg_ts_config t
    ) l JOIN spaces s ON s.oid = l.space
    WHERE NOT EXISTS (SELECT FROM owned o WHERE o.classid = l.classid AND o.objid = l.oid)
    UNION ALL
    SELECT 7, 0, c.oid, 'foreign table', pg_catalog.format('%%I.%%I', s.nspname, c.relname),
           NULL, false
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace WHERE c.relkind = 'f'
)
SELECT kind, name, statement, before_tables FROM listed ORDER BY stage, level, kind, oid;
