"""Folds as a partition of the cases: what counts is which cases are together, not what a fold is called."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def moved_cases(folds_a: Mapping[str, str], folds_b: Mapping[str, str]) -> list[str]:
    """Cases of both, ascending, that B puts into another fold than A does, whatever either calls its folds.

    Each fold of A is taken to be the fold of B with which it shares the most cases, the largest share first; the two
    may be named `0` and `fold_0`, or `0` and `1`.
    """
    if folds_a == folds_b:
        return []
    shared = sorted(folds_a.keys() & folds_b.keys())
    together = Counter((folds_a[case_id], folds_b[case_id]) for case_id in shared)
    # Equal names first where shares are equal, so that two cases that changed places are both named.
    pairs = sorted(together, key=lambda pair: (-together[pair], pair[0] != pair[1], pair))
    same: dict[str, str] = {}
    for fold_a, fold_b in pairs:
        if fold_a not in same and fold_b not in same.values():
            same[fold_a] = fold_b
    return [case_id for case_id in shared if same.get(folds_a[case_id]) != folds_b[case_id]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedSplit:
    """A split of the cases into folds, with the places of the seeds of A and of B that were trained in it.

    `folds` has the number of the fold of each case, from 0 in the order in which the cases meet them.
    """

    folds: tuple[int, ...]
    seeds_a: tuple[int, ...]
    seeds_b: tuple[int, ...]


def shared_splits(
    case_ids: Sequence[str], splits_a: Sequence[Mapping[str, str]], splits_b: Sequence[Mapping[str, str]]
) -> tuple[SharedSplit, ...]:
    """The splits in which both A and B were trained, in A's order; a split in which a case has no fold is none.

    Args:
        splits_a: case id to fold, for each seed of A; `splits_b` for B.
    """
    places: list[dict[tuple[int, ...], list[int]]] = []
    for splits in (splits_a, splits_b):
        found: dict[tuple[int, ...], list[int]] = {}
        for place, split in enumerate(splits):
            if all(case_id in split for case_id in case_ids):
                numbers: dict[str, int] = {}
                key = tuple(numbers.setdefault(split[case_id], len(numbers)) for case_id in case_ids)
                found.setdefault(key, []).append(place)
        places.append(found)
    in_a, in_b = places
    return tuple(
        SharedSplit(folds=folds, seeds_a=tuple(seeds), seeds_b=tuple(in_b[folds]))
        for folds, seeds in in_a.items()
        if folds in in_b
    )
