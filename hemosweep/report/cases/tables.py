"""The case tables of a sweep's trainings, case by case: the scores of a case page, and how much its cases differ."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from hemosweep.report.cases.facts import CasePageFacts
from hemosweep.report.slices.pairs import PairArm
from hemosweep.scores.catalogue import DSC

DIGITS = 5

Score = float | bool | None
"""None is undefined; False stands where a case is not tested, or its score not computed."""


class CaseTables:
    """The rows of the case tables of a sweep's trainings, by case id."""

    def __init__(self, facts: CasePageFacts) -> None:
        self._arms = [[_rows(training) for training in arm.trainings] for arm in facts.arms]
        places = {arm.name: place for place, arm in enumerate(facts.arms)}
        self._pairs = [
            (places[pair.a], places[pair.b]) for pair in facts.pairs if pair.a in places and pair.b in places
        ]
        self._primary = facts.metric.name
        self.case_ids: list[str] = sorted({case_id for arm in self._arms for rows in arm for case_id in rows})

    def first(self, case_id: str, column: str) -> Any:
        """A fact of a case that all tables share, from the first one that has it; None where none has."""
        values = (rows[case_id].get(column) for arm in self._arms for rows in arm if case_id in rows)
        return next((value for value in values if value is not None and value == value), None)

    def scores(self, case_id: str, metric: str) -> list[list[Score]]:
        """Score of a case in each training of each arm."""
        return [[_score(rows.get(case_id, {}), metric) for rows in arm] for arm in self._arms]

    def has(self, metric: str) -> bool:
        """True if a case has this score."""
        rows = (row for arm in self._arms for rows in arm for row in rows.values())
        return any(isinstance(_score(row, metric), float) for row in rows)

    def by_difference(self) -> list[str]:
        """The cases, those with the largest differences in a declared comparison first, or between any arms without
        one."""
        return sorted(self.case_ids, key=lambda case_id: (-self._difference(case_id), case_id))

    def _difference(self, case_id: str) -> float:
        means = [_mean(values) for values in self.scores(case_id, self._primary)]
        pairs = self._pairs or combinations(range(len(means)), 2)
        scored = ((means[first], means[second]) for first, second in pairs)
        return max((abs(b - a) for a, b in scored if a is not None and b is not None), default=0.0)


def _rows(training: PairArm) -> dict[str, dict[str, Any]]:
    """Rows by case id, without the scores that were not computed, which no case has."""
    table = training.cases
    kept = table[[name for name in table.columns if name == DSC.name or table[name].notna().any()]]
    return {row["case_id"]: {str(name): row[name] for name in row} for row in kept.to_dict("records")}


def _score(row: Mapping[str, Any], metric: str) -> Score:
    if metric not in row:
        return False
    value = float(row[metric])
    return None if math.isnan(value) else round(value, DIGITS)


def _mean(values: Sequence[Score]) -> float | None:
    known = [value for value in values if isinstance(value, float)]
    return sum(known) / len(known) if known and len(known) == len(values) else None
