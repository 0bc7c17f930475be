"""The power of a design as a terminal table."""

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from hemosweep.durations import duration
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.power import PowerRow


def power_table(rows: Sequence[PowerRow], metric: MetricDescription, seconds_per_seed: float | None) -> Table:
    """One line a number of seeds: the difference that it shows with 80% power, and the training time of the sweep.

    A difference that the metric cannot have is a dash.
    """
    largest = math.inf if metric.lowest is None or metric.highest is None else metric.highest - metric.lowest
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("seeds of\neach arm", justify="right")
    table.add_column(f"{metric.label} shown\nwith 80% power", justify="right")
    table.add_column("training of\nthe sweep", justify="right")
    for row in rows:
        time = UNDEFINED if seconds_per_seed is None else duration(row.num_seeds * seconds_per_seed)
        shown = metric.text(row.difference, sign="") if row.difference <= largest else UNDEFINED
        table.add_row(str(row.num_seeds), shown, time)
    return table
