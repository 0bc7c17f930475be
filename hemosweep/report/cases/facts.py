"""Facts of a case page: a sweep's arms with the trainings of each, its declared comparisons, and its cases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hemosweep.data.case import Case
from hemosweep.report.document.facts import PairFacts
from hemosweep.report.paper.verdicts import our_verdict
from hemosweep.report.slices.pairs import PairArm
from hemosweep.scores.metric import MetricDescription

NOT_KEPT = "its prediction is not kept"


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
    def of(cls, pair: PairFacts) -> "PagePair":
        """A comparison by its row in the family, or without one by the reason."""
        if pair.row is None:
            return cls(a=pair.a, b=pair.b, verdict=pair.verdict, reason=pair.reason)
        return cls(
            a=pair.a,
            b=pair.b,
            verdict=our_verdict(pair.row),
            reason=pair.row.verdict,
            mean_diff=pair.row.comparison.mean_diff,
            ci95=pair.row.comparison.ci95,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CasePageFacts:
    """A sweep for its case page.

    `cases` are where the pictures come from, by id; a text with the reason where none can be drawn. `metric` is the
    primary one, which the comparisons are about. `no_prediction` is what to say where a prediction is not here.
    """

    sweep: str
    question: str
    metric: MetricDescription
    arms: tuple[PageArm, ...]
    pairs: tuple[PagePair, ...]
    cases: Mapping[str, Case] | str
    lesion_label: int | None = None
    notices: tuple[str, ...] = ()
    no_prediction: str = NOT_KEPT

    def only(self, a: str, b: str) -> "CasePageFacts":
        """The facts of two arms alone."""
        return replace(
            self,
            arms=tuple(arm for arm in self.arms if arm.name in (a, b)),
            pairs=tuple(pair for pair in self.pairs if (pair.a, pair.b) == (a, b)),
        )
