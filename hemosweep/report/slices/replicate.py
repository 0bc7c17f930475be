"""The figures of one finished arm replicate: its boxplot, learning curves, and worst, median and best case."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hemosweep.data.case import Case
from hemosweep.data.nifti import read_volume
from hemosweep.data.reading import read_case
from hemosweep.foldrun.journal import last_epochs, read_journal
from hemosweep.foldrun.seal import sealed_prediction
from hemosweep.foldrun.spec import JOURNAL_NAME
from hemosweep.report.plots.arm_plots import LossCurve, boxplot, training_curves
from hemosweep.report.slices.overlays import overlay


def draw_replicate(
    name: str,
    cases: pd.DataFrame,
    raw_cases: Sequence[Case],
    fold_folders: Mapping[int, Path],
    folder: Path,
    *,
    lesion_label: int | None = None,
) -> dict[str, Path]:
    """Draw a replicate's figures into `folder`; returns artifact name to file.

    Args:
        cases: its case table.
        raw_cases: where each case's CT and reference mask lie.
        fold_folders: fold index to the fold run's folder.
        lesion_label: the value of the reference masks that counts, where they hold several.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"boxplot.png": folder / "boxplot.png", "training.png": folder / "training.png"}
    boxplot({name: cases["dsc"].tolist()}, figures["boxplot.png"], title=name, ivh={name: cases["ivh"].tolist()})
    curves = {fold: _curve(path / JOURNAL_NAME) for fold, path in fold_folders.items()}
    training_curves(curves, figures["training.png"], title=name)
    paths = {case.case_id: case for case in raw_cases}
    for rank, row in ranked_cases(cases).items():
        case, fold, dsc = paths[str(row["case_id"])], int(row["fold"]), float(row["dsc"])
        figures[f"{rank}.png"] = folder / f"{rank}.png"
        raw = read_case(case, lesion_label=lesion_label)
        assert raw.lesion_DHW is not None, "scored cases have a reference"
        overlay(
            raw.ct.array_DHW,
            raw.lesion_DHW,
            read_volume(sealed_prediction(fold_folders[fold], case.case_id)).array_DHW,
            raw.ct.spacing_DHW_mm,
            folder / f"{rank}.png",
            title=f"{name}: {rank} case {case.case_id}",
            dsc=dsc,
        )
    return figures


def ranked_cases(cases: pd.DataFrame) -> dict[str, pd.Series]:
    """The worst, median (the lower one of an even number) and best case by DSC; ties go by case id."""
    ordered = cases[np.isfinite(cases["dsc"])].sort_values(["dsc", "case_id"], ignore_index=True)
    if ordered.empty:
        return {}
    last = len(ordered) - 1
    return {"worst": ordered.iloc[0], "median": ordered.iloc[last // 2], "best": ordered.iloc[last]}


def _curve(journal: Path) -> LossCurve:
    events = read_journal(journal)
    epochs = last_epochs(events)
    stopped = [event["best_epoch"] for event in events if event["event"] == "stopped"]
    return LossCurve(
        train_loss=[epochs[epoch]["train_loss"] for epoch in sorted(epochs)],
        val_loss=[epochs[epoch]["val_loss"] for epoch in sorted(epochs)],
        best_epoch=stopped[-1] if stopped and stopped[-1] <= len(epochs) else None,  # A damaged line is no epoch.
    )
