"""
What each head of tables asks, chosen by what rows that were put aside gain, and its counts.

What is counted of few rows is drawn towards what is counted of more: a combination of answers
towards that of one answer less, tokens that have an order towards their neighbours.  A combination
that too few entities have has no counts of its own.

Source: greedy Bayesian networks (Cooper and Herskovits 1992), scored by held-out likelihood;
backing off as in Katz 1987.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.model.base import FitTask
from dbsynth.model.hearing import Place
from dbsynth.model.inputs import GRID
from dbsynth.model.tables import Asked, Groups, HeadTable

MOST_ASKED = 6
MOST_KINDS, MOST_SHARES = 32_768, 1 << 20
MOST_GROUPS = 48  # of a code; rarer ones share one
FLOAT_GROUPS = (6, 16, 40)  # a head may ask for any of these
BLOCKS = 12  # of neighbours among ordered tokens
LEARNED_ROWS, JUDGING_ROWS = 48_000, 16_000  # that choose what is asked
FEWEST_JUDGING = 500
SHORTLIST = 16  # of what tells most alone; the others are not tried beside anything
GAIN, SIBLING_GAIN = 0.001, 0.002  # nats that an answer must bring; about siblings it costs time
IMAGINED = (4.0, 16.0, 64.0, 256.0)  # rows like those of the table before
TRIED = 16.0  # the same, while choosing


@dataclass(frozen=True, slots=True)
class _Candidate:
    asked: Asked
    groups: Groups  # (n,)
    slots: frozenset[int] | None  # which may ask; None: all after its own
    is_dear: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """The rows in which one head counts."""

    target: Ints  # (m,)
    tokens: int
    blocks: Ints  # (tokens,) neighbours
    rows: Ints  # (m,) which they are
    learned: Ints  # places among them of those that choose
    judging: Ints
    entities: Ints  # (m,) from 0
    threshold: int


def count(
    task: FitTask, report: Callable[[int, int], None]
) -> tuple[tuple[Asked, ...], tuple[HeadTable, ...]]:
    """Choose what is asked, and count."""
    candidates = _candidates(task)
    rng = np.random.default_rng(task.seed)
    chosen: list[list[int]] = []
    shares = []
    for number, (slot, _) in enumerate(task.heads):
        head = _head(task, number, rng)
        own = [
            i for i, c in enumerate(candidates)
            if (slot in c.slots if c.slots is not None else c.asked.place.slot < slot)
        ]  # fmt: skip
        wanted = _choose(head, candidates, own)
        chosen.append(wanted)
        shares.append(_counted(head, [candidates[w] for w in wanted]))
        report(number + 1, len(task.heads))
    used = sorted({c for some in chosen for c in some})
    asked = tuple(candidates[u].asked for u in used)
    heads = (
        HeadTable(tuple(used.index(w) for w in some), own)
        for some, own in zip(chosen, shares, strict=True)
    )
    return asked, tuple(heads)


def _head(task: FitTask, number: int, rng: np.random.Generator) -> _Head:
    target, (_, tokens) = task.targets[number], task.heads[number]
    rows = np.flatnonzero(target >= 0)
    order = rng.permutation(len(rows))
    is_aside = task.held_out[rows[order]]
    own = np.unique(task.entities[rows], return_inverse=True)[1].astype(np.int64)
    if is_aside.sum() < FEWEST_JUDGING:  # a third of the entities
        is_aside = (rng.permutation(int(own.max(initial=0)) + 1) % 3 == 0)[own][order]
    return _Head(
        target[rows], tokens, _blocks(target[rows], tokens, task.places[number]), rows,
        order[~is_aside][:LEARNED_ROWS], order[is_aside][:JUDGING_ROWS], own,
        task.threshold,
    )  # fmt: skip


def _blocks(target: Ints, tokens: int, places: Floats | None) -> Ints:
    """(tokens,) the block of each token: of ordered ones, neighbours that come as often."""
    if places is None or tokens <= BLOCKS:
        return np.arange(tokens)
    order = np.argsort(np.where(np.isnan(places), -np.inf, places), kind="stable")
    counted = np.bincount(target, minlength=tokens)[order] + 1e-3
    middle = (np.cumsum(counted) - counted / 2) / counted.sum()
    found = np.empty(tokens, np.int64)
    found[order] = (middle * BLOCKS).astype(np.int64)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


# --- what may be asked ----------------------------------------------------------------------------


def _candidates(task: FitTask) -> list[_Candidate]:
    own = [(len(s.cards), s.floats.shape[1]) for s in task.slots]
    found = _of(task.condition, -1, task.alone)
    if task.alone is not None:
        found += _about_siblings(task, own)
    for slot, features in enumerate(task.slots):
        found += _of(features, slot, None)
    return found


def _of(features: Features, slot: int, first: tuple[int, int] | None) -> list[_Candidate]:
    """Codes and floats, or the first so many."""
    codes, floats = first or (len(features.cards), features.floats.shape[1])
    found = [_code(features, slot, c) for c in range(codes)]
    found += [_float(features, slot, f, None, g) for f in range(floats) for g in FLOAT_GROUPS]
    return [f for f in found if f is not None]


def _about_siblings(task: FitTask, own: Sequence[tuple[int, int]]) -> list[_Candidate]:
    """The sibling before, of each slot for itself; place and pace for all; means for each."""
    assert task.alone is not None
    code, number = task.alone
    all_floats = sum(f for _, f in own)
    found: list[_Candidate | None] = []
    for slot, (codes, floats) in enumerate(own):
        mine = frozenset([slot])
        found += [_code(task.condition, -1, code + i, mine) for i in range(codes)]
        seen = [number + i for i in range(floats)]  # and their means among all siblings before
        seen += [all_floats + s for s in seen]
        found += [_float(task.condition, -1, s, mine, g) for s in seen for g in FLOAT_GROUPS]
        code, number = code + codes, number + floats
    every = frozenset(range(len(own)))
    found += [_code(task.condition, -1, c, every) for c in range(code, len(task.condition.cards))]
    last = task.condition.floats.shape[1]
    about = range(last - 6, last)
    found += [_float(task.condition, -1, f, every, g) for f in about for g in FLOAT_GROUPS]
    return [f for f in found if f is not None]


def _code(
    features: Features, slot: int, number: int, slots: frozenset[int] | None = None
) -> _Candidate | None:
    codes, card = features.codes[:, number], features.cards[number]
    counted = np.bincount(codes, minlength=card)
    if np.count_nonzero(counted) < 2:
        return None
    groups = np.arange(card, dtype=np.int64)
    if card > MOST_GROUPS:
        groups[:] = 0
        frequent = np.argsort(-counted, kind="stable")[: MOST_GROUPS - 1]
        groups[np.sort(frequent)] = np.arange(1, MOST_GROUPS)
    asked = Asked(Place(slot, number), groups.astype(np.uint8), np.zeros(0, np.float32))
    return _Candidate(asked, asked.of(features), slots, slots is not None)


def _float(
    features: Features, slot: int, number: int, slots: frozenset[int] | None, groups: int
) -> _Candidate | None:
    if number < 0:
        return None
    values = features.floats[:, number]
    edges = np.quantile(values, np.arange(1, groups) / groups) if len(values) else values
    edges = np.unique(np.round(edges * GRID) / GRID)  # no threshold tells a value
    edges = edges[edges > values.min()].astype(np.float32) if len(values) else edges[:0]
    if not len(edges):
        return None
    asked = Asked(Place(slot, number), None, edges)
    return _Candidate(asked, asked.of(features), slots, slots is not None)


# --- choosing -------------------------------------------------------------------------------------


def _choose(head: _Head, candidates: Sequence[_Candidate], own: Sequence[int]) -> list[int]:
    """Which candidates a head asks: one after another, as long as rows put aside gain."""
    if len(head.judging) < 30 or len(np.unique(head.entities)) < 2 * head.threshold:
        return []
    x = head.blocks[head.target]
    kinds, prior = _prior(head, x, [])
    left, chosen = list(own), list[int]()
    reached: Floats = np.log(prior[0, x[head.judging]])
    while left and len(chosen) < MOST_ASKED:
        tried, room = {}, {c: candidates[c].asked.groups for c in left}
        for c in left:
            coarser = _coarser(candidates, chosen, c)
            size = len(prior) * room[c] // (candidates[coarser].asked.groups if coarser >= 0 else 1)
            if size <= MOST_KINDS and size * head.tokens <= MOST_SHARES:
                tried[c] = _score(head, x, kinds, candidates[c].groups[head.rows], prior, room[c])
        costs = {c: SIBLING_GAIN if candidates[c].is_dear else GAIN for c in tried}
        # Gains are taken by the bit: an answer of few groups leaves room for more answers.
        gains = {c: _surely(t - reached) - costs[c] for c, t in tried.items()}
        worth = {c: gain / np.log2(room[c]) for c, gain in gains.items()}
        best = max(worth, key=lambda c: worth[c], default=-1)
        if best < 0 or gains[best] < 0:
            break
        if not chosen:
            left = sorted(tried, key=lambda c: -float(tried[c].mean()))[:SHORTLIST]
        coarser = _coarser(candidates, chosen, best)
        chosen = [c for c in chosen if c != coarser] + [best]
        kinds, prior = _prior(head, x, [candidates[c] for c in chosen])
        reached = tried[best]
        left = [c for c in left if c not in (best, coarser)]
    return chosen


def _surely(gained: Floats) -> float:
    """How much (n,) rows gain on average, at least, as far as chance goes."""
    return float(gained.mean() - gained.std() / len(gained) ** 0.5)


def _coarser(candidates: Sequence[_Candidate], chosen: Sequence[int], finer: int) -> int:
    """What was chosen that asks for the same, but sorts it into fewer groups; -1: nothing."""
    asked = candidates[finer].asked
    for c in chosen:
        other = candidates[c].asked
        is_same = other.place == asked.place and (other.codes is None) == (asked.codes is None)
        if is_same and other.groups < asked.groups:
            return c
    return -1


def _prior(head: _Head, x: Ints, asked: Sequence[_Candidate]) -> tuple[Ints, Floats]:
    """(n,) kinds of rows, and (kinds, blocks) shares by those that were learned from."""
    blocks, a = int(head.blocks.max()) + 1, head.learned
    shares = np.bincount(x[a], minlength=blocks) + 0.5
    prior = (shares / shares.sum())[None]
    kinds = np.zeros(len(head.rows), np.int64)
    for candidate in asked:
        groups = candidate.asked.groups
        kinds = kinds * groups + candidate.groups[head.rows]
        counted = _enough(_table(kinds[a], x[a], len(prior) * groups, blocks), head.threshold)
        prior = _smoothed(counted, np.repeat(prior, groups, axis=0), TRIED)
    return kinds, prior


def _score(head: _Head, x: Ints, kinds: Ints, groups: Groups, prior: Floats, count: int) -> Floats:
    """How likely rows put aside are, if this is asked, too: (n,) logarithms."""
    fine, blocks = kinds * count + groups, prior.shape[1]
    a, b = head.learned, head.judging
    counted = _enough(_table(fine[a], x[a], len(prior) * count, blocks), head.threshold)
    total = counted.sum(axis=1)
    likely = (counted[fine[b], x[b]] + TRIED * prior[kinds[b], x[b]]) / (total[fine[b]] + TRIED)
    found: Floats = np.log(likely)
    return found


def _enough(counted: Floats, threshold: int) -> Floats:
    """Counts of which fewer rows than there have to be entities will not be kept."""
    counted[counted.sum(axis=1) < threshold] = 0.0
    return counted


def _table(kinds: Ints, x: Ints, size: int, tokens: int) -> Floats:
    counted = np.bincount(kinds * tokens + x, minlength=size * tokens)
    return counted.reshape(size, tokens).astype(np.float64)


def _smoothed(counted: Floats, prior: Floats, imagined: float) -> Floats:
    found: Floats = (counted + imagined * prior) / (counted.sum(axis=1, keepdims=True) + imagined)
    return found


# --- counting -------------------------------------------------------------------------------------


def _counted(head: _Head, asked: Sequence[_Candidate]) -> NDArray[np.float32]:
    """(kinds, tokens) shares: all rows count, those put aside tell how many to imagine."""
    every = np.arange(len(head.rows))
    imagined = IMAGINED[-1]
    if asked and len(head.judging):
        is_learned = np.ones(len(every), bool)
        is_learned[head.judging] = False
        counts = _counts(head, asked, np.flatnonzero(is_learned))
        kinds = _kinds(head, asked)[head.judging]
        target = head.target[head.judging]
        scores = {
            k: float(np.log(_shares(head, counts, k)[kinds, target]).mean()) for k in IMAGINED
        }
        imagined = max(scores, key=lambda k: scores[k])
    return _shares(head, _counts(head, asked, every), imagined).astype(np.float32)


def _kinds(head: _Head, asked: Sequence[_Candidate]) -> Ints:
    """(n,) which combination of answers each row has."""
    kinds = np.zeros(len(head.rows), np.int64)
    for candidate in asked:
        kinds = kinds * candidate.asked.groups + candidate.groups[head.rows]
    return kinds


def _counts(head: _Head, asked: Sequence[_Candidate], rows: Ints) -> list[Floats]:
    """(kinds, tokens) of some rows: asking nothing, one thing, two, …; 0 for too few entities."""
    found = [_table(np.zeros(len(rows), np.int64), head.target[rows], 1, head.tokens)]
    for number, candidate in enumerate(asked):
        kinds, size = _kinds(head, asked[: number + 1]), len(found[-1]) * candidate.asked.groups
        counted = _table(kinds[rows], head.target[rows], size, head.tokens)
        counted[_support(kinds, head.entities, size) < head.threshold] = 0.0
        found.append(counted)
    return found


def _shares(head: _Head, counts: Sequence[Floats], imagined: float) -> Floats:
    """(kinds, tokens) shares: each table drawn towards the one that asks for less."""
    first = counts[0]
    tokens = first + 1e-6 + 1e-3 * (first > 0) if first.sum() else np.ones_like(first)
    found: Floats = tokens / tokens.sum()
    is_sorted = int(head.blocks.max()) + 1 < head.tokens
    for counted in counts[1:]:
        prior = np.repeat(found, len(counted) // len(found), axis=0)
        if is_sorted:
            prior = _by_blocks(counted, prior, head.blocks, imagined)
        found = _smoothed(counted, prior, imagined)
    return found


def _by_blocks(counted: Floats, prior: Floats, blocks: Ints, imagined: float) -> Floats:
    """A prior of tokens of which those of a block keep what they have to do with each other."""
    member = np.zeros((len(blocks), int(blocks.max()) + 1))
    member[np.arange(len(blocks)), blocks] = 1.0
    whole = prior @ member
    found: Floats = prior * (_smoothed(counted @ member, whole, imagined) / whole)[:, blocks]
    return found


def _support(kinds: Ints, entities: Ints, size: int) -> Ints:
    """How many entities have each kind."""
    count = int(entities.max(initial=0)) + 1
    pairs = np.unique(kinds * count + entities)
    return np.bincount(pairs // count, minlength=size)
