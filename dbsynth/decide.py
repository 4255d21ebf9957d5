"""Decide what a clone would do: look at the source, or follow a saved plan that still fits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dbsynth.adapters.base import LARGE, Source
from dbsynth.ask import Committed
from dbsynth.classify import classify
from dbsynth.config import Config, Quality
from dbsynth.errors import NoScriptError, PlanFileError, UsageError
from dbsynth.grants import split
from dbsynth.nones import emptied
from dbsynth.options import Options
from dbsynth.ownership import TableWish
from dbsynth.placeholders import with_placeholders
from dbsynth.plan import Plan
from dbsynth.planfile import from_yaml, planned_tables, to_yaml
from dbsynth.planner import build_plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.references import combine
from dbsynth.release import Release
from dbsynth.revise import measured, orphan_notes, revise
from dbsynth.rules.book import Rule
from dbsynth.rules.book import combine as combine_rules
from dbsynth.sample import Shelf, read_profile
from dbsynth.schema import ForeignKey, Schema, TableName
from dbsynth.selection import restrict, select
from dbsynth.undeclared.propose import propose


def decide(
    source: Source, options: Options, progress: Progress, shelf: Shelf | None = None
) -> Plan:
    """
    Introspect and decide, or follow a saved plan that still fits.

    Args:
        source: what is to be cloned.
        options: what the user wishes.
        progress: told of each step.
        shelf: rows that were read are put there, for `fit` to use.

    Raises:
        DbsynthError: the source cannot be cloned as it is, or the saved plan does not fit it.
    """
    whole = source.introspect()
    if options.plan_file is not None or options.plan is not None:
        return _saved_plan(source, whole, options)
    options, tests = _tested(options, whole)
    config = options.config
    config.check(whole)
    schema, notes = select(whole, options.tables, options.exclude)
    counts = count_rows(source, schema, progress)
    profile = read_profile(source, schema, progress=progress)
    schema, told = _scripted(source, schema)
    seed, engine, quality = _choose(options)
    found = propose(source, schema, profile, counts, Release(seed))
    references = measured(combine(found, config.wanted(whole, schema)), source, schema)
    schema = schema.with_keys(k for r in references if r.is_accepted for k in r.foreign_keys)
    profile = {name: emptied(rows, schema.table(name)) for name, rows in profile.items()}
    treatments = classify(schema, profile, config.overrides(schema))
    made = build_plan(
        schema,
        with_placeholders(Committed(source), schema, treatments),
        counts,
        profile,
        seed=seed,
        engine=engine,
        quality=quality,
        wishes=_wishes(schema, config),
    )
    notes = (*notes, *tests, *told, *_sampled_notes(source, counts))
    notes = (*notes, *orphan_notes(references), *made.notes)
    made = replace(made, references=references, notes=notes)
    return replace(made, rules=_rules_of(source, made, whole, options, progress, shelf))


def _rules_of(
    source: Source,
    made: Plan,
    whole: Schema,
    options: Options,
    progress: Progress,
    shelf: Shelf | None,
) -> tuple[Rule, ...]:
    """Find the rules that a sample of the source keeps; the configuration file adds its own."""
    from dbsynth.mining.mine import RULE_ROWS, mine
    from dbsynth.sample import read_sample

    if not options.is_ruled:
        return ()
    sample = read_sample(made, source, progress, limit=RULE_ROWS, shelf=shelf)
    found = [r for r in mine(made, sample, progress) if not _names_none(r, made.schema)]
    return combine_rules(found, options.config.wanted_rules(whole, made.schema))


def _names_none(rule: Rule, schema: Schema) -> bool:
    """Whether a rule is about a column that holds a value for "no row": the target has no NULL."""
    nones = [c.name for c in schema.table(rule.table).columns if c.none is not None]
    return any(re.search(rf"(?<![\w.]){re.escape(n)}(?![\w.])", rule.text) for n in nones)


def _scripted(source: Source, schema: Schema) -> tuple[Schema, tuple[str, ...]]:
    """Add the DDL that the database's own tool writes; without it, a note says why."""
    try:
        script, grants = split(source.script(schema))
    except NoScriptError as exc:
        return schema, (f"the schema is made by dbsynth's own DDL: {exc.message}. {exc.remedy}",)
    return replace(schema, script=script, grants=grants), ()


def _choose(options: Options) -> tuple[int, str | None, Quality]:
    """Settle seed, engine and quality: on the command line, in the file, or (no engine) by size."""
    from dbsynth.model import check_engine

    config = options.config
    seed = options.seed if options.seed is not None else config.seed or 0
    engine = options.engine or config.engine
    for name in (engine, *(rule.engine for rule in config.tables)):
        if name:
            check_engine(name)
    return seed, engine, options.quality or config.quality or "balanced"


def _wishes(schema: Schema, config: Config) -> dict[TableName, TableWish]:
    """What the configuration file says on single tables, in the planner's words."""
    rules = {t.name: config.rule(t.name) for t in schema.tables}
    return {
        name: TableWish(
            mode=rule.mode, rows=rule.rows, scale=rule.scale, owner=rule.owner, engine=rule.engine
        )
        for name, rule in rules.items()
    }


def _tested(options: Options, whole: Schema) -> tuple[Options, tuple[str, ...]]:
    """Add the tests of a dbt project to what the configuration file says; a note tells of them."""
    from dbsynth.dbt import bound, read_manifest

    path = options.dbt or options.config.dbt
    if path is None:
        return options, ()
    read, config = bound(read_manifest(path), whole), options.config
    rules, references = (*config.rules, *read.rules), (*config.references, *read.references)
    config = replace(config, rules=rules, references=references)
    return replace(options, config=config), (read.summary,)


def _saved_plan(source: Source, whole: Schema, options: Options) -> Plan:
    """
    Read a plan that was saved, and refuse it if the source is not the same any more.

    Raises:
        PlanFileError: the file cannot be read or is wrong.
        RefusedError: the source's schema is not the plan's any more.
    """
    said = [n for n in ("tables", "exclude", "engine", "quality", "dbt") if getattr(options, n)]
    if said:
        raise UsageError(
            f"--plan decides on {', '.join(f'--{n}' for n in said)} itself",
            "Leave these options out, or edit the plan.",
        )
    text = _plan_text(options)
    schema = restrict(whole, planned_tables(text))
    schema.require_readable()
    saved = revise(from_yaml(text, _scripted(source, schema)[0]), source)
    saved = saved if options.is_ruled else replace(saved, rules=())
    return saved if options.seed is None else replace(saved, seed=options.seed)


def _plan_text(options: Options) -> str:
    path = options.plan_file
    if path is None:
        assert options.plan is not None
        return to_yaml(options.plan)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PlanFileError(f"cannot read {path}", "Check the path and its rights.") from exc


def count_rows(source: Source, schema: Schema, progress: Progress) -> dict[TableName, int]:
    """Count rows; of large tables the catalog's estimate does, where there is one."""
    rows = {}
    for number, table in enumerate(schema.tables, 1):
        about = source.estimate(table.name) or 0
        rows[table.name] = about if about > LARGE else source.count(table.name)
        progress(Event("introspect", str(table.name), number, len(schema.tables)))
    return rows


def _sampled_notes(source: Source, counts: Mapping[TableName, int]) -> tuple[str, ...]:
    """Say of which tables samples and estimates stand for the whole."""
    large = [str(name) for name, rows in counts.items() if rows > LARGE]
    if not large:
        return ()
    told = f"more than {LARGE:,} rows, looked at in samples: {', '.join(large)}"
    if any(source.estimate(name) for name, rows in counts.items() if rows > LARGE):
        told += "; how many rows they have is the catalog's estimate"
    return (told,)


def listed_keys(whole: Schema, schema: Schema, options: Options) -> list[ForeignKey]:
    """The keys that the configuration file adds to those that the source declares."""
    listed = options.config.wanted(whole, schema)
    return [k for r in listed if r.is_accepted for k in r.foreign_keys]


def guess(source: Source, schema: Schema, options: Options) -> Plan:
    """Decide what a clone would do, without looking for keys that nothing declares."""
    counts = count_rows(source, schema, silent)
    profile = read_profile(source, schema)
    treatments = classify(schema, profile, options.config.overrides(schema))
    seed, engine, quality = _choose(options)
    return build_plan(
        schema, treatments, counts, profile, seed=seed, engine=engine, quality=quality,
        wishes=_wishes(schema, options.config),
    )  # fmt: skip
