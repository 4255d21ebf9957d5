"""The figures of sdmetrics beside ours, where the `sdv` extra is installed; else nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbsynth.evaluation.bench import Bench


def figures(bench: Bench) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    return None, ()
