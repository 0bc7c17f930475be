"""Sources of the pictures of cases in a report: the runs, their predictions and the data set."""

from collections.abc import Mapping

import pandas as pd

from hemosweep.comparison.compare import SideComparison
from hemosweep.foldrun.seal import BrokenSeal, sealed_prediction
from hemosweep.report.document.facts import Overlay
from hemosweep.report.slices.pairs import PairArm, largest_changes
from hemosweep.workflows.reporting.source import ReportSource


def find_overlay(source: ReportSource, comparison: SideComparison, tables: Mapping[str, pd.DataFrame]) -> Overlay | str:
    """Runs whose cases are drawn: those of the first seed that both sides have, of the first of either where they have
    none in common; or the reason why nothing is drawn."""
    trainings = [{(run.repeat, run.seed): run for run in side.runs} for side in (comparison.a, comparison.b)]
    common = next((key for key in trainings[0] if key in trainings[1]), None)
    run_a, run_b = (
        side.runs[0] if common is None else runs[common]
        for side, runs in zip((comparison.a, comparison.b), trainings, strict=True)
    )
    table_a, table_b = tables[run_a.run_id], tables[run_b.run_id]
    changes = largest_changes(table_a, table_b)
    if not changes:
        return "No pictures of cases: none scores otherwise in one arm than in the other."
    arms = []
    several = max(len(comparison.a.runs), len(comparison.b.runs)) > 1
    for run, table in ((run_a, table_a), (run_b, table_b)):
        folders = source.fold_folders(run.run_id)
        shown = table[table["case_id"].isin([change.case_id for change in changes])]
        try:
            for case_id, fold in zip(shown["case_id"], shown["fold"], strict=True):
                sealed_prediction(folders[fold], case_id)
        except (KeyError, FileNotFoundError):
            return f"No pictures of cases: the predictions of {run.arm}, seed {run.seed}, are {source.no_prediction}."
        except BrokenSeal as broken:
            return f"No pictures of cases: of {run.arm}, seed {run.seed}, {broken.short}."
        arms.append(
            PairArm(name=run.full_name.partition("/")[2] if several else run.arm, cases=table, fold_folders=folders)
        )
    data = source.data.find(run_a.fact("dataset_digest"), list(table_a["case_id"]))
    if data is None:
        return f"No pictures of cases: the data set that {run_a.arm} was trained on {source.data.none_found}."
    label = source.lesion_label(run_a.run_id)
    return Overlay(a=arms[0], b=arms[1], cases=tuple(data.cases.values()), lesion_label=label)
