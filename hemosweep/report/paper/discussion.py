"""Groups of cases that the paper's discussion (Section 4) tells results of, beside ours."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hemosweep.report.paper.printed import paper_results
from hemosweep.report.terminal.table import UNDEFINED

Scores = Mapping[str, float]
"""Defined DSC by case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupResult:
    """A row: a group of cases, a question about it, the paper's answer, and that of each of our arms."""

    group: str
    question: str
    paper: str
    ours: tuple[str, ...]


def discussed_groups(
    arms: Sequence[Scores],
    ivh: Mapping[str, str],
    volumes_ml: Mapping[str, float],
    sphericities: Mapping[str, float],
) -> list[GroupResult]:
    """Results of the groups that the discussion names.

    The paper does not say where a lesion begins to be small or irregular. Small are as large a share of our cases as
    14 are of its 76, those of the smallest volume; irregular as large a share as 17 of 76, those of the smallest
    sphericity.

    Args:
        ivh: "yes", "no" or "n/a" by case.
        volumes_ml: volume of the reference lesion by case; empty where none is known, and then the group is left out.
        sphericities: the same of its sphericity.
    """
    return [
        GroupResult(group=group, question=question, paper=paper, ours=tuple(map(answer, arms)))
        for group, question, paper, answer in _rows(ivh, volumes_ml, sphericities)
    ]


def _rows(
    ivh: Mapping[str, str], volumes_ml: Mapping[str, float], sphericities: Mapping[str, float]
) -> Iterator[tuple[str, str, str, Callable[[Scores], str]]]:
    results, total = paper_results()["final_distribution"], paper_results()["n_cases"]
    every, under = "all cases", results["cases_under_0.7"]
    for bound in (0.8, 0.9):
        share = results[f"share_dsc_over_{bound}"]
        yield every, f"DSC above {bound}", f"{100 * share:.0f}%", partial(_share_above, bound=bound)
    yield every, "DSC below 0.7", f"{under} of {total}", lambda own: _count(own, lambda dsc: dsc < 0.7)
    with_ivh = f"{results['under_0.7_with_ivh']} of {under}"
    yield "DSC below 0.7", "with IVH", with_ivh, lambda own: _num_ivh([c for c, dsc in own.items() if dsc < 0.7], ivh)
    if volumes_ml:
        printed, name = results["small_lesions"], "small lesions"

        def small(own: Scores) -> Scores:
            return _smallest(own, volumes_ml, printed["cases"] / total)

        above = f"{printed['cases'] - printed['dsc_not_over_0.8']} of {printed['cases']}"
        yield name, "DSC above 0.8", above, lambda own: _count(small(own), lambda dsc: dsc > 0.8)
        yield name, "lowest DSC", f"{printed['lowest']:.3f}", lambda own: _lowest(small(own))
    if sphericities:
        irregular = results["irregular_lesions"]
        below = f"{irregular['dsc_under_0.8']} of {irregular['cases']}"

        def count_below(own: Scores) -> str:
            return _count(_smallest(own, sphericities, irregular["cases"] / total), lambda dsc: dsc < 0.8)

        yield "irregular lesions", "DSC below 0.8", below, count_below


def _share_above(own: Scores, *, bound: float) -> str:
    return f"{100 * sum(dsc > bound for dsc in own.values()) / len(own):.0f}%" if own else UNDEFINED


def _count(own: Scores, holds: Callable[[float], bool]) -> str:
    return f"{sum(map(holds, own.values()))} of {len(own)}"


def _lowest(own: Scores) -> str:
    return f"{min(own.values()):.3f}" if own else UNDEFINED


def _num_ivh(cases: Collection[str], ivh: Mapping[str, str]) -> str:
    known = [ivh[case] for case in cases if ivh[case] in ("yes", "no")]
    unknown = len(cases) - len(known)
    return f"{known.count('yes')} of {len(cases)}" + (f" ({unknown} not known)" if unknown else "")


def _smallest(own: Scores, values: Mapping[str, float], share: float) -> Scores:
    """Scores of the cases with the smallest values: a share of all, and one case at least."""
    known = sorted((case for case in own if case in values), key=lambda case: (values[case], case))
    return {case: own[case] for case in known[: max(1, math.floor(len(known) * share + 0.5))]}
