"""The pictures of a case page, as many and as good as its size allows."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hemosweep.data.parallel import Progress, map_cases
from hemosweep.report.cases.facts import CasePageFacts
from hemosweep.report.cases.page import Pictures, case_page
from hemosweep.report.cases.picture import PictureReader, Sources
from hemosweep.report.cases.tables import CaseTables
from hemosweep.report.slices.pairs import PairArm

MAX_BYTES = 8_000_000
"""Largest page: one that a mail may carry, and that MLflow shows at once."""
LEAST_CASE_LETTERS = 40_000
"""Fewest letters of a case's picture. Where more cases share a page, those that differ most have pictures."""
PAIR_PICTURES = 10
"""Pictures of the page of one comparison, which is to send: those of the cases that differ most in it."""
NOT_TESTED = "not tested"


def read_pictures(
    facts: CasePageFacts,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, dict[str, Any]]:
    """The pictures of all cases, as JSON values, in the best quality that keeps the page below `max_bytes`.

    A case without a picture has the reason in its place.

    Raises:
        HemosweepError: a process was killed.
    """
    tables = CaseTables(facts)
    if isinstance(facts.cases, str):
        return {case_id: {"missing": facts.cases} for case_id in tables.case_ids}
    room = max_bytes - len(case_page(facts, _left_out(tables.case_ids, len(tables.case_ids), max_bytes)))
    chosen = tables.by_difference()[: max(1, room // LEAST_CASE_LETTERS)]
    found = [facts.cases[case_id] for case_id in sorted(chosen) if case_id in facts.cases]
    read = PictureReader(
        sources={case.case_id: _sources(facts, case.case_id) for case in found},
        lesion_label=facts.lesion_label,
        max_chars=room // max(1, len(found)),
        no_prediction=facts.no_prediction,
    )
    drawn = map_cases(read, found, jobs=jobs, progress=progress)
    pictures = {case_id: {"missing": "the data set does not hold this case"} for case_id in chosen}
    pictures |= {case.case_id: picture for case, picture in zip(found, drawn, strict=True)}
    kept = _that_fit(chosen, pictures, room)
    return _left_out(tables.case_ids, len(kept), max_bytes) | {case_id: pictures[case_id] for case_id in kept}


def _left_out(case_ids: Collection[str], num_kept: int, max_bytes: int) -> dict[str, dict[str, Any]]:
    reason = (
        f"this page holds the pictures of the {num_kept} cases that differ most between the arms, to stay below "
        f"{max_bytes / 1e6:.0f} MB"
    )
    return {case_id: {"missing": reason} for case_id in case_ids}


def _that_fit(case_ids: Collection[str], pictures: Pictures, room: int) -> list[str]:
    """The first of these cases whose pictures have so many letters together at most."""
    kept = []
    for case_id in case_ids:
        room -= len(json.dumps(pictures[case_id]))
        if room < 0:
            break
        kept.append(case_id)
    return kept


def of_pair(facts: CasePageFacts, pictures: Pictures, a: str, b: str) -> tuple[CasePageFacts, Pictures]:
    """Facts of two arms alone, and the pictures of the cases that differ most between them."""
    own = facts.only(a, b)
    places = [place for place, arm in enumerate(facts.arms) if arm.name in (a, b)]
    by_difference = CaseTables(own).by_difference()
    elsewhere = f"it is on the page of all comparisons of {facts.sweep}; this one is kept small, to send"
    chosen: dict[str, Mapping[str, Any]] = {}
    for rank, case_id in enumerate(by_difference):
        picture = pictures[case_id]
        if "predictions" not in picture:
            chosen[case_id] = picture
        elif rank < PAIR_PICTURES:
            chosen[case_id] = {**picture, "predictions": [picture["predictions"][place] for place in places]}
        else:
            chosen[case_id] = {"missing": elsewhere}
    return own, chosen


def _sources(facts: CasePageFacts, case_id: str) -> Sources:
    return [[_source(facts, training, case_id) for training in arm.trainings] for arm in facts.arms]


def _source(facts: CasePageFacts, training: PairArm, case_id: str) -> Path | str:
    folds = training.cases.loc[training.cases["case_id"] == case_id, "fold"].tolist()
    return training.fold_folders.get(int(folds[0]), facts.no_prediction) if folds else NOT_TESTED
