"""The ranks of a sweep's arms as a terminal table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from hemosweep.report.terminal.lines import Name
from hemosweep.scores.metric import MetricDescription

if TYPE_CHECKING:
    from hemosweep.stats.ranks import ArmRank

RANKS_NOTE = "Ranks when cases, and the seeds of arms that have several, are drawn anew; an arm with one seed keeps it."


def rank_table(ranks: "Sequence[ArmRank]", metric: MetricDescription) -> Table:
    """One line an arm, the best first: how often it is the best, and the middle 95% of its ranks."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("\nArm")
    for header in (f"mean\n{metric.label}", "\nseeds", "\nrank", "rank\n95% CI", "best\nin"):
        table.add_column(header, justify="right", no_wrap=True)
    for one in ranks:
        low, high = one.ci95
        mean, best = metric.number(one.mean), f"{100 * one.shares[0]:.0f}%"
        table.add_row(Name(one.arm), mean, str(one.num_seeds), str(one.rank), f"{low} to {high}", best)
    return table
