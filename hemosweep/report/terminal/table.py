"""The arms of a sweep and their comparisons as terminal tables. A value that does not exist is a dash."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from hemosweep.report.terminal.lines import Name

if TYPE_CHECKING:
    # Importing it takes half a second, most of it numpy and scipy.special, and a table of arms needs none of it.
    from hemosweep.stats.multiple_testing import FamilyComparison
    from hemosweep.stats.paired import PairedComparison

UNDEFINED = "\N{EN DASH}"
MINUS, PLUS_MINUS = "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}"
ARROW = "\N{RIGHTWARDS ARROW}"
# Up to this length of arm name, 100 columns leave room for two blanks between the columns.
ROOMY_ARM_LENGTH = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmRow:
    """One arm: DSC as (mean, sd) over its cases, the training time, and the paper's (mean, sd). None = undefined."""

    arm: str
    dsc: tuple[float, float | None] | None
    ivh: tuple[float, float | None] | None
    no_ivh: tuple[float, float | None] | None
    min: float | None
    max: float | None
    seconds: float | None
    paper: tuple[float, float] | None


def arm_table(rows: Sequence[ArmRow]) -> Table:
    """One line an arm, in the order given; in under 100 columns the sd goes below the mean."""
    roomy = max((len(row.arm) for row in rows), default=0) <= ROOMY_ARM_LENGTH
    table = _table(blanks=2 if roomy else 1)
    table.add_column("\nArm")
    for header in ("DSC\nmean ±sd", "\nIVH", "\nno IVH"):
        table.add_column(header, justify="right")
    for header in ("min", "max", "seconds"):
        table.add_column(f"\n{header}", justify="right", no_wrap=True)
    with_paper = _add_paper_column(table, "paper\nDSC", [row.paper for row in rows])
    for row in rows:
        table.add_row(
            Name(row.arm),
            _mean_sd(row.dsc),
            _mean_sd(row.ivh),
            _mean_sd(row.no_ivh),
            _number(row.min, ".3f"),
            _number(row.max, ".3f"),
            _number(row.seconds, ".0f"),
            *([_mean_sd(row.paper)] if with_paper else []),
        )
    return table


def comparison_table(rows: "Sequence[FamilyComparison]") -> Table:
    """One line a comparison, in the order given: the difference in DSC is B - A.

    t, p and stars are of the paper's test over cases; p of the claim counts seeds and folds too, and Holm's is of that.
    """
    table = _table(blanks=1)
    table.add_column(f"\nA {ARROW} B")
    table.add_column("\nn", justify="right", no_wrap=True)
    table.add_column("difference\n[95% CI]", justify="right")
    for header in ("\nt", "\np"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("\nstars", no_wrap=True)
    for header in ("claim\np", "Holm\np"):
        table.add_column(header, justify="right", no_wrap=True)
    with_paper = _add_paper_column(table, "paper's\np", [row.paper_p for row in rows])
    for row in rows:
        comparison = row.comparison
        table.add_row(
            Name(f"{row.a} {ARROW} {row.b}"),
            str(comparison.n),
            _difference(comparison),
            _number(comparison.t, ".2f"),
            _p(comparison.p),
            UNDEFINED if comparison.p is None else comparison.stars,
            _p(comparison.claim.p),
            _p(row.holm_p),
            *([row.paper_p or UNDEFINED] if with_paper else []),
        )
    return table


def family_table(rows: "Sequence[FamilyComparison]") -> Table:
    """One line a comparison, in the order given: the test within the family first, the paper's way in its own columns.

    The difference is B - A. Holm's and Benjamini and Hochberg's p-values are of the claim's. Stars follow the paper:
    they belong to the uncorrected p-value over cases. No number is cut in 80 columns.
    """
    table = _table(blanks=1)
    table.add_column(f"\nA {ARROW} B")
    table.add_column("\nn", justify="right", no_wrap=True)
    table.add_column("difference\n[95% CI]", justify="right", no_wrap=True)
    for header in ("Holm\np", "B-H\np", "claim\np", "raw\np"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("raw\nstars", no_wrap=True)
    table.add_column("\ndz", justify="right", no_wrap=True)
    with_paper = _add_paper_column(table, "paper's\np", [row.paper_p for row in rows])
    for row in rows:
        comparison = row.comparison
        table.add_row(
            Name(f"{row.a} {ARROW} {row.b}"),
            str(comparison.n),
            _difference(comparison).replace(" ", "\n"),
            _p(row.holm_p),
            _p(row.bh_p),
            _p(comparison.claim.p),
            _p(comparison.p),
            UNDEFINED if comparison.p is None else comparison.stars,
            _number(comparison.dz, ".2f"),
            *([row.paper_p or UNDEFINED] if with_paper else []),
        )
    return table


def _add_paper_column(table: Table, header: str, values: Sequence[object]) -> bool:
    """Add the column of the paper's figures where it has any, as it has none of a lab's own ablation."""
    if any(value is not None for value in values):
        table.add_column(header, justify="right", style="dim")
        return True
    return False


def _table(*, blanks: int) -> Table:
    # The box itself puts one blank between the columns.
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, blanks - 1, 0, 0), header_style="bold")


def _number(value: float | None, spec: str) -> str:
    return UNDEFINED if value is None or math.isnan(value) else format(value, spec)


def _mean_sd(mean_sd: tuple[float, float | None] | None) -> str:
    if mean_sd is None or math.isnan(mean_sd[0]):
        return UNDEFINED
    mean, sd = mean_sd
    return f"{mean:.3f}" if sd is None else f"{mean:.3f} ±{sd:.3f}"


def _difference(comparison: "PairedComparison") -> str:
    if comparison.mean_diff is None:
        return UNDEFINED
    number = comparison.metric.number
    if comparison.ci95 is None:
        return number(comparison.mean_diff, sign="+")
    low, high = comparison.ci95
    # No blank inside the brackets: in a narrow terminal the interval goes below the difference, whole.
    return f"{number(comparison.mean_diff, sign='+')} [{number(low, sign='+')},{number(high, sign='+')}]"


def _p(p: float | None) -> str:
    if p is None:
        return UNDEFINED
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"
