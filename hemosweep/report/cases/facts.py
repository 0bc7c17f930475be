"""Facts of a case page: a sweep's arms with the trainings of each, its declared comparisons, and its cases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hemosweep.data.case import Case
from hemosweep.report.paper.verdicts import our_verdict
from hemosweep.report.slices.pairs import PairArm
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.multiple_testing import FamilyComparison


@dataclass(frozen=True, kw_only=True, slots=True)
class PageArm:
    """An arm and its trainings, such as one a seed; without any, `missing` is the reason."""

    name: str
    trainings: tuple[PairArm, ...] = ()
    missing: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PagePair:
    """A declared comparison: its verdict in a few words and in full, and the mean difference B - A with its interval.

    Where there is none, `verdict` and `reason` say why.
    """

    a: str
    b: str
    verdict: str
    reason: str = ""
    mean_diff: float | None = None
    ci95: tuple[float, float] | None = None

    @classmethod
    def of(cls, a: str, b: str, row: FamilyComparison | None, verdict: str = "", reason: str = "") -> "PagePair":
        """A comparison by its row in the family; `verdict` and `reason` are those of one without a row."""
        if row is None:
            return cls(a=a, b=b, verdict=verdict, reason=reason)
        return cls(
            a=a,
            b=b,
            verdict=our_verdict(row),
            reason=row.verdict,
            mean_diff=row.comparison.mean_diff,
            ci95=row.comparison.ci95,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CasePageFacts:
    """A sweep for its case page.

    `cases` are where the pictures come from, by id; a text with the reason where none can be drawn. `metric` is the
    primary one, which the comparisons are about.
    """

    sweep: str
    question: str
    metric: MetricDescription
    arms: tuple[PageArm, ...]
    pairs: tuple[PagePair, ...]
    cases: Mapping[str, Case] | str
    lesion_label: int | None = None
    notices: tuple[str, ...] = ()

    def only(self, a: str, b: str) -> "CasePageFacts":
        """The facts of two arms alone."""
        return replace(
            self,
            arms=tuple(arm for arm in self.arms if arm.name in (a, b)),
            pairs=tuple(pair for pair in self.pairs if (pair.a, pair.b) == (a, b)),
        )
