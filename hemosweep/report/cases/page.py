"""The case page of a sweep as one HTML file that holds its data, its style and its script, and fetches nothing."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from hemosweep.privacy import public
from hemosweep.report.cases.encoding import CT_RANGE_HU
from hemosweep.report.cases.facts import CasePageFacts
from hemosweep.report.cases.tables import CaseTables
from hemosweep.scores.catalogue import METRICS
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import AVERAGED_COLUMNS, UNKNOWN

GENERATOR = "hemosweep case page"
_SCRIPTS = ("voxels.js", "table.js", "viewer.js", "main.js")
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}

Pictures = Mapping[str, Mapping[str, Any]]
"""A JSON value a case: its picture, or `{"missing": reason}`."""


def case_page(facts: CasePageFacts, pictures: Pictures, *, places: Iterable[Path] = ()) -> str:
    """Write the case page of a sweep.

    Args:
        pictures: those of `read_pictures`, of the same facts.
        places: folders that no text of the page names.
    """
    tables, places = CaseTables(facts), tuple(places)
    texts = [_public_words(pictures[case_id], places) for case_id in tables.case_ids]
    summary = _summary(facts, tables, places)
    for case, picture in zip(summary["cases"], texts, strict=True):
        case["pictured"] = "missing" not in picture
    return _render(facts, summary, texts)


def _summary(facts: CasePageFacts, tables: CaseTables, folders: Iterable[Path]) -> dict[str, Any]:
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
