"""`hemosweep compare A B` over the runs of an output folder, or of another MLflow store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hemosweep.activity import doing
from hemosweep.comparison.compare import SideComparison
from hemosweep.comparison.compare import compare as compare_sides
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.runs import RunStore
from hemosweep.stats.multiple_testing import CLAIMS
from hemosweep.stats.verdict import p_text
from hemosweep.tracking.address import is_address
from hemosweep.tracking.references import find_reference
from hemosweep.workflows.declared import find_declared, with_external_arms


def compare(
    out: Path,
    a: str,
    b: str,
    *,
    metric: str = "dsc",
    labels: Sequence[str] = (),
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> SideComparison:
    """Compare two sides case by case, as `hemosweep.comparison.compare`, with the runs of an output folder, or of
    another MLflow store (`mlflow:URI/hemosweep/SWEEP/RUN`)."""
    (store_a, name_a), (store_b, name_b) = (find_reference(out, reference) for reference in (a, b))
    with doing("comparing case by case"):
        found = compare_sides(
            store_a,
            name_a,
            name_b,
            metric=metric,
            labels=labels,
            margin=margin,
            allow_incomparable=allow_incomparable,
            store_b=store_b,
        )
        if found.comparison.outcome not in CLAIMS or is_address(a) or is_address(b):
            return found
        return replace(found, in_family=_in_family(out, store_a, found, metric, margin))


def _in_family(out: Path, store: RunStore, found: SideComparison, metric: str, margin: float | None) -> str:
    """Sentence on what becomes of a claim among the comparisons of its sweep; empty where it is none of several."""
    places = [{(run.sweep, run.arm) for run in side.runs} for side in (found.a, found.b)]
    if [len(own) for own in places] != [1, 1]:
        return ""
    ((sweep, arm_a),), ((sweep_b, arm_b),) = places
    try:
        declared = with_external_arms(find_declared(out, sweep), store)
    except BadInput:
        return ""
    num_declared = len(declared.comparisons)
    if sweep != sweep_b or num_declared < 2 or not {(arm_a, arm_b), (arm_b, arm_a)} & {*declared.comparisons}:
        return ""
    # Imported for a claim of several only: its tables take longer than a comparison.
    from hemosweep.comparison.family import compare_all as compare_declared

    all_of_them = f"{sweep} declares {num_declared} comparisons (hemosweep compare-all {sweep})"
    try:
        rows = compare_declared(store, sweep, declared.comparisons, metric=metric, margin=margin).rows
    except HemosweepError:  # Of another pair; compare-all tells it.
        rows = ()
    row = next((row for row in rows if {row.a, row.b} == {arm_a, arm_b}), None)
    # Some of the seeds alone have a p of their own.
    if row is None or row.holm_p is None or row.comparison.p != found.comparison.p:
        return f"{all_of_them}: a claim counts after a correction for all of them."
    ends = "does not hold" if row.taken_back else "holds"
    return f"{all_of_them}: after Holm's correction for all of them the claim {ends}, {p_text(row.holm_p)}."
