"""One page of a prepared cohort, one row a case, the most suspicious first; it fetches nothing."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hemosweep.preprocessing.mask_findings import LOOK_AT_IT
from hemosweep.preprocessing.overview import Overview
from hemosweep.report.document.cells import number
from hemosweep.report.document.page import environment
from hemosweep.report.slices.strip import view_strip
from hemosweep.report.suspicion import ODD_Z, SHOWN, Shown, by_suspicion

GENERATOR = "hemosweep preprocess"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    name: str
    text: str
    is_odd: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    case_id: str
    image: str
    width: int
    height: int
    cells: tuple[_Cell, ...]
    warnings: tuple[str, ...]


def cohort_page(
    overviews: Mapping[str, Overview], warnings: Mapping[str, Sequence[str]], failures: Mapping[str, str]
) -> str:
    """Write the page of a cohort. A warning that every case has is told once, above the table, and counts for none.

    Args:
        overviews: case id to overview, at least one.
        warnings: case id to what preparing the case noticed.
        failures: case id to the reason why it is not prepared.
    """
    common = [text for text in _every(warnings) if len(overviews) > 1]
    suspects = by_suspicion(overviews, warnings, common=common)
    shown = [one for one in SHOWN if any(one.key in overview.numbers for overview in overviews.values())]
    height = max(view.shape[1] for one in suspects for view in one.overview.views)
    rows = []
    for one in suspects:
        jpeg, width = view_strip(one.overview.views, height)
        rows.append(
            _Row(
                case_id=one.case_id,
                image=f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}",
                width=width,
                height=height,
                cells=tuple(
                    _Cell(name=each.name, text=_text(each, one.overview), is_odd=one.z.get(each.key, 0.0) > ODD_Z)
                    for each in shown
                ),
                warnings=tuple(text.removesuffix(f"; {LOOK_AT_IT}") for text in one.warnings),
            )
        )
    template = environment().get_template("cohort.html")
    return template.render(
        generator=GENERATOR,
        columns=[one.name for one in shown],
        rows=rows,
        medians=[_median(one, overviews.values()) for one in shown],
        common=common,
        failures=failures,
        num_suspicious=sum(bool(row.warnings) or any(cell.is_odd for cell in row.cells) for row in rows),
        has_symmetric=any(one.key == "symmetric_residual_hu" for one in shown),
        has_cta=any(one.key == "cta_residual_hu" for one in shown),
    )


def _every(warnings: Mapping[str, Sequence[str]]) -> list[str]:
    """The warnings that all cases have, in the order of the first one's."""
    first, *others = warnings.values() or ((),)
    return [text for text in first if all(text in texts for texts in others)]


def _median(shown: Shown, overviews: Iterable[Overview]) -> str:
    """The median of a number over the cases that have it, as text."""
    values = [one.numbers[shown.key] for one in overviews if shown.key in one.numbers]
    return number(float(np.median(values)) * shown.factor, f",.{shown.digits}f")


def _text(shown: Shown, overview: Overview) -> str:
    value = overview.numbers.get(shown.key)
    return number(None if value is None else value * shown.factor, f",.{shown.digits}f")
