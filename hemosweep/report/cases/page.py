"""The case page of a sweep as one HTML file that holds its data, its style and its script, and fetches nothing."""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from hemosweep.data.parallel import Progress, map_cases
from hemosweep.privacy import public
from hemosweep.report.cases.encoding import CT_RANGE_HU
from hemosweep.report.cases.facts import CasePageFacts, PageArm
from hemosweep.report.cases.picture import NOT_KEPT, PictureReader, Sources
from hemosweep.report.slices.pairs import PairArm
from hemosweep.scores.catalogue import DSC, METRICS
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import AVERAGED_COLUMNS, UNKNOWN

GENERATOR = "hemosweep case page"
MAX_BYTES = 8_000_000
"""Largest page: one that a mail may carry, and that MLflow shows at once."""
LEAST_CASE_LETTERS = 40_000
"""Fewest letters of a case's picture. Where more cases share a page, those that differ most have pictures."""
DIGITS = 5
NOT_TESTED = "not tested"
_SCRIPTS = ("voxels.js", "table.js", "viewer.js", "main.js")
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def case_page(facts: CasePageFacts, pictures: Mapping[str, Mapping[str, Any]], *, places: Iterable[Path] = ()) -> str:
    """Write the case page of a sweep.

    Args:
        pictures: those of `read_pictures`, of the same facts.
        places: folders that no text of the page names.
    """
    tables, places = _Tables(facts), tuple(places)
    texts = [_public_words(pictures[case_id], places) for case_id in tables.case_ids]
    return _render(facts, _summary(facts, tables, places), texts)


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
    tables = _Tables(facts)
    if isinstance(facts.cases, str):
        return {case_id: {"missing": facts.cases} for case_id in tables.case_ids}
    room = max_bytes - len(_render(facts, _summary(facts, tables), [])) - 100 * len(tables.case_ids)
    pictured = tables.most_different(max(1, room // LEAST_CASE_LETTERS))
    left_out = (
        f"this page holds the pictures of the {len(pictured)} cases that differ most between the arms, to stay below "
        f"{max_bytes / 1e6:.0f} MB"
    )
    pictures: dict[str, dict[str, Any]] = {case_id: {"missing": left_out} for case_id in tables.case_ids}
    pictures |= {case_id: {"missing": "the data set does not hold this case"} for case_id in pictured}
    found = [facts.cases[case_id] for case_id in pictured if case_id in facts.cases]
    read = PictureReader(
        sources={case.case_id: _sources(facts.arms, case.case_id) for case in found},
        lesion_label=facts.lesion_label,
        max_chars=room // max(1, len(found)),
    )
    drawn = map_cases(read, found, jobs=jobs, progress=progress)
    return pictures | {case.case_id: picture for case, picture in zip(found, drawn, strict=True)}


def of_pair(
    facts: CasePageFacts, pictures: Mapping[str, Mapping[str, Any]], a: str, b: str
) -> tuple[CasePageFacts, dict[str, Mapping[str, Any]]]:
    """Facts and pictures of two arms alone."""
    kept = [place for place, arm in enumerate(facts.arms) if arm.name in (a, b)]
    chosen = {
        case_id: {**picture, "predictions": [picture["predictions"][place] for place in kept]}
        if "predictions" in picture
        else picture
        for case_id, picture in pictures.items()
    }
    return facts.only(a, b), chosen


Score = float | bool | None
"""None is undefined; False stands where a case is not tested, or its score not computed."""


class _Tables:
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

    def most_different(self, num: int) -> list[str]:
        """So many cases with the largest differences in a declared comparison, or between any arms without one."""
        by_difference = sorted(self.case_ids, key=lambda case_id: (-self._difference(case_id), case_id))
        return sorted(by_difference[:num])

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


def _summary(facts: CasePageFacts, tables: _Tables, folders: Iterable[Path] = ()) -> dict[str, Any]:
    """All of the page but its pictures, as JSON. Its words, which names are none of, name no folder."""
    metrics = [facts.metric, *(METRICS[name] for name in AVERAGED_COLUMNS if name != facts.metric.name)]
    metrics = [metric for metric in metrics if metric is facts.metric or tables.has(metric.name)]
    places = {arm.name: place for place, arm in enumerate(facts.arms)}
    return {
        "sweep": facts.sweep,
        "question": public(facts.question, folders),
        "notices": public(list(facts.notices), folders),
        "window": list(CT_RANGE_HU),
        "metrics": [_described(metric) for metric in metrics],
        "arms": [
            {
                "name": arm.name,
                "missing": public(arm.missing, folders),
                "trainings": [training.name for training in arm.trainings],
            }
            for arm in facts.arms
        ],
        "pairs": [
            {
                "a": places[pair.a],
                "b": places[pair.b],
                "verdict": public(pair.verdict, folders),
                "reason": public(pair.reason, folders),
                "mean": pair.mean_diff,
                "ci": pair.ci95,
            }
            for pair in facts.pairs
            if pair.a in places and pair.b in places
        ],
        "cases": [
            {
                "id": case_id,
                "ivh": tables.first(case_id, "ivh") or UNKNOWN,
                "ml": _rounded(tables.first(case_id, "reference_ml")),
                "scores": [tables.scores(case_id, metric.name) for metric in metrics],
            }
            for case_id in tables.case_ids
        ],
    }


def _described(metric: MetricDescription) -> dict[str, Any]:
    return {
        "name": metric.name,
        "label": metric.label,
        "unit": metric.unit,
        "share": metric.is_share,
        "higher": metric.higher_is_better,
    }


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 3)


def _public_words(picture: Mapping[str, Any], places: Iterable[Path]) -> dict[str, Any]:
    """A picture with its words as others may read them. Its voxels, whose text is none, stay as they are."""
    found = {**picture}
    for name in picture.keys() & {"missing", "remarks"}:
        found[name] = public(picture[name], places)
    if "predictions" in picture:
        found["predictions"] = [
            [public(one, places) if isinstance(one, Mapping) else one for one in arm] for arm in picture["predictions"]
        ]
    return found


def _sources(arms: Sequence[PageArm], case_id: str) -> Sources:
    return [[_source(training, case_id) for training in arm.trainings] for arm in arms]


def _source(training: PairArm, case_id: str) -> Path | str:
    folds = training.cases.loc[training.cases["case_id"] == case_id, "fold"].tolist()
    return training.fold_folders.get(int(folds[0]), NOT_KEPT) if folds else NOT_TESTED


def _render(facts: CasePageFacts, summary: Mapping[str, Any], pictures: Sequence[Mapping[str, Any]]) -> str:
    script = "\n".join(_text(name) for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return _template().render(
        generator=GENERATOR,
        title=f"{facts.sweep}: cases",
        style=Markup(_text("cases.css")),
        script=Markup(script),
        script_digest=digest,
        summary=_json(summary),
        pictures=[_json(picture) for picture in pictures],
    )


def _json(value: Any) -> Markup:
    """JSON that no text inside can end: it holds no angle bracket and no ampersand."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for letter, escaped in _UNSAFE.items():
        text = text.replace(letter, escaped)
    return Markup(text)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("cases.html"))


@cache
def _text(name: str) -> str:
    return files("hemosweep.report.cases").joinpath("templates", name).read_text(encoding="utf-8")
