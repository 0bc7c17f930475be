"""Facts of a report about an ablation: its arms, its comparisons and its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from hemosweep.runs import Cost
from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.groups import GroupDifference
from hemosweep.stats.multiple_testing import FamilyComparison
from hemosweep.stats.ranks import ArmRank
from hemosweep.stats.replicates import SeedSpread

if TYPE_CHECKING:
    from hemosweep.components.protocols import Network
    from hemosweep.data.case import Case
    from hemosweep.report.slices.pairs import PairArm


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFacts:
    """An arm and its finished seeds.

    `cases` has one row a case (`case_id`, `ivh`, `score`: the mean over the seeds). It is None where no seed is
    finished; `missing` is then the reason. `spread` is the spread of the mean over the seeds, None for one seed. `cost`
    is that of its seeds together.
    """

    name: str
    seeds: tuple[int, ...] = ()
    cases: pd.DataFrame | None = None
    spread: SeedSpread | None = None
    missing: str = ""
    cost: Cost = field(default=Cost())


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """Sources of the pictures of a comparison's largest changes."""

    a: "PairArm"
    b: "PairArm"
    cases: Sequence["Case"]
    lesion_label: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PairFacts:
    """A declared comparison.

    Without a `row` it could not be made; `verdict` (a few words) and `reason` (in full) say why. `pairs` has one row a
    paired case: `case_id`, `a`, `b`, `ivh`. `statistics` are all its numbers, in pairs of name and text. `overlay` is a
    text with the reason where nothing is drawn.
    """

    a: str
    b: str
    row: FamilyComparison | None = None
    verdict: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()
    pairs: pd.DataFrame | None = None
    statistics: tuple[tuple[str, str], ...] = ()
    overlay: Overlay | str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.a, self.b


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """Cases by a fact about them, such as their centre: the ids of each group, and the differences of each comparison
    (A, B) in each, in the same order."""

    name: str
    groups: Mapping[str, frozenset[str]]
    differences: Mapping[tuple[str, str], Sequence[GroupDifference]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowStep:
    """A step on the way of the cases into the tables: how many there are, of how many patients (None where that is not
    known), and the cases that are left out, by the reason."""

    name: str
    num_cases: int
    num_patients: int | None
    left_out: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondaryFacts:
    """The declared comparisons by another metric than the primary one, as a family of their own."""

    metric: MetricDescription
    pairs: tuple[PairFacts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """A run in the tables. `tags` are its own; `device` has the device of each of its folds."""

    arm: str
    seed: int
    run_id: str
    replicate: str
    config_digest: str
    tags: Mapping[str, str]
    folds: tuple[int, ...]
    num_cases: int
    devices: tuple[Mapping[str, str], ...]
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseShape:
    """Volume and sphericity of a case's reference lesion."""

    volume_ml: float
    sphericity: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Mean times of the final configuration, each None where it is not known: of an epoch of training with its
    validation, of a test case with its scores, and of the preparation of one case."""

    epoch_s: float | None = None
    case_s: float | None = None
    preparation_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkFacts:
    """A network and the arms that have it, with the input channels and the patch of the first of them."""

    arms: tuple[str, ...]
    network: "Network"
    in_channels: int
    patch_DHW: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepFacts:
    """An ablation, by its primary metric. `notices` are remarks without which its figures would be misread, and
    `missing` names everything that does not exist. `ranks` are those of its arms, none for under three. `secondary` are
    metrics beside the primary one, `groupings` the ways to split the cases, and `flow` the steps of the cases into the
    tables. `shapes` of the reference lesions by case and `times` are there for the final configuration alone, as far as
    their sources are here. `networks` are those of arms that differ in them, none where all have the same.
    `differ_in_cost` is True for arms that differ in what their cost depends on. `case_page` is where its case page lies
    beside the report, empty where there is none.
    """

    name: str
    question: str
    arms: tuple[ArmFacts, ...]
    pairs: tuple[PairFacts, ...]
    runs: tuple[RunFacts, ...]
    notices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    noise: tuple[str, SeedSpread] | None = None
    ranks: tuple[ArmRank, ...] = ()
    secondary: tuple[SecondaryFacts, ...] = ()
    groupings: tuple[Grouping, ...] = ()
    flow: tuple[FlowStep, ...] = ()
    shapes: Mapping[str, CaseShape] = field(default_factory=dict)
    times: Times | None = None
    networks: tuple[NetworkFacts, ...] = ()
    differ_in_cost: bool = False
    metric: MetricDescription = DSC
    case_page: str = ""

    @property
    def printed(self) -> str:
        """Name of the ablation among the paper's tables, which are about the DSC; empty for another metric."""
        return self.name if self.metric.name == DSC.name else ""

    @property
    def has_pair_pages(self) -> bool:
        """True if each comparison has a case page of its own; that of two arms would be the sweep's once more."""
        return len(self.arms) > 2

    @property
    def rows(self) -> tuple[FamilyComparison, ...]:
        return tuple(pair.row for pair in self.pairs if pair.row is not None)
