"""`hemosweep compare-all SWEEP` over the runs of an output folder, with its forest plot."""

from dataclasses import replace
from pathlib import Path

from hemosweep.activity import doing
from hemosweep.comparison.family import Family
from hemosweep.comparison.family import compare_all as compare_declared
from hemosweep.errors import BadInput
from hemosweep.files import system_message
from hemosweep.report.paper.printed import paper_difference
from hemosweep.report.plots.forest import draw_forest
from hemosweep.report.plots.ranks import draw_ranks
from hemosweep.scores.catalogue import DSC
from hemosweep.tracking.references import figures_root, find_sweep
from hemosweep.workflows.declared import find_declared, with_external_arms


def compare_all(
    out: str | Path,
    sweep: str,
    *,
    metric: str | None = None,
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> Family:
    """Compare the arms that a sweep declares as pairs, as far as they are trained, and draw them.

    Args:
        sweep: an ablation, or that of another MLflow store (`mlflow:URI/hemosweep/SWEEP`).
        metric: by default the declared primary one.

    Raises:
        BadInput: an unknown sweep; as `hemosweep.comparison.family.compare_all`.
        NotComparable: as there.
    """
    out = Path(out)
    store, name = find_sweep(out, sweep)
    if name is None:
        raise BadInput(f"{sweep}: names no sweep; give {sweep}/hemosweep/SWEEP")
    declared = with_external_arms(find_declared(out, name, named=sweep), store)
    with doing(f"comparing the arms of {name}"):
        family = compare_declared(
            store,
            declared.name,
            declared.comparisons,
            metric=metric or declared.primary_metric,
            margin=margin,
            allow_incomparable=allow_incomparable,
        )
    return draw_family(family, figures_root(out, sweep))


def draw_family(family: Family, root: Path) -> Family:
    """Draw a sweep's comparisons in its folder below `root`; a failed picture never stops the result."""
    folder = root / family.sweep
    try:
        with doing(f"drawing the comparisons of {family.sweep}"):
            return replace(family, forest=_draw(family, folder), rank_plot=_draw_ranks(family, folder))
    except OSError as error:  # such as a folder without permission
        return replace(family, no_pictures=system_message(error))


def _draw_ranks(family: Family, folder: Path) -> Path | None:
    """The rank plot; None for under three arms."""
    if not family.ranks:
        return None
    path = folder / ("ranks.png" if family.metric == DSC.name else f"ranks-{family.metric}.png")
    draw_ranks(family.ranks, path, metric=family.description, title=f"{family.sweep}: ranks of the arms")
    return path


def _draw(family: Family, folder: Path) -> Path | None:
    """The forest plot; None where no difference exists."""
    if all(row.comparison.mean_diff is None for row in family.rows):
        return None
    is_dsc = family.metric == DSC.name
    path = folder / ("forest.png" if is_dsc else f"forest-{family.metric}.png")
    printed = {(row.a, row.b): paper_difference(family.sweep, row.a, row.b) for row in family.rows if is_dsc}
    paper = {pair: difference for pair, difference in printed.items() if difference is not None}
    draw_forest(family.rows, path, title=f"{family.sweep}: differences in {family.description.label}", paper=paper)
    return path
