"""The verdicts of a sweep that has ended, on the pages of MLflow."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import Family, compare_family
from hemosweep.engine.tracker import one_line
from hemosweep.report.terminal.lines import say
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.references import figures_root
from hemosweep.workflows.compare_all import draw_family


def record_verdict(family: Family, declared: Declaration, out: Path, console: Console) -> Family:
    """Draw the comparisons that the end of a sweep prints, and record them.

    Where the sweep compared only some of the declared pairs, the others are taken from earlier sweeps, so that the
    pages always have all of them. Returns this whole family. An outage costs the record, not the result: the same
    command makes up for it.
    """
    from hemosweep.tracking.verdicts import VerdictRecorder  # With MLflow, which takes seconds.

    try:
        if {(pair.a, pair.b) for pair in family.pairs} != set(declared.comparisons):
            family = compare_family(
                MlflowStore(out),
                declared.name,
                declared.comparisons,
                metric=declared.primary_metric,
                keep_going=True,
            )
        if family.rows:
            family = draw_family(family, figures_root(out, declared.name))
        VerdictRecorder(out).record(family, declared)
    except Exception as error:
        reason = escape(one_line(error))
        say(
            console,
            f"[yellow]warning[/yellow]: the verdicts are not in MLflow yet ({reason}); the same command records them",
        )
    return family
