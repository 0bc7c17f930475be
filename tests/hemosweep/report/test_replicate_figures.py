import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.report.slices.replicate import draw_replicate, ranked_cases


def table(**scores):
    return pd.DataFrame([{"case_id": name, "dsc": dsc, "fold": 0, "ivh": "no"} for name, dsc in scores.items()]).astype(
        {"dsc": float}
    )


def ranks(**scores):
    return {rank: row["case_id"] for rank, row in ranked_cases(table(**scores)).items()}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"a": 0.5, "b": 0.9, "c": 0.1}, {"worst": "c", "median": "a", "best": "b"}),
        ({"a": 0.5, "b": 0.9, "c": 0.1, "d": 0.6}, {"worst": "c", "median": "a", "best": "b"}),
        ({"b": 0.5, "a": 0.5, "c": 0.5}, {"worst": "a", "median": "b", "best": "c"}),
        ({"a": 0.5, "b": float("nan")}, {"worst": "a", "median": "a", "best": "a"}),
        ({"a": 0.0, "b": 0.9}, {"worst": "a", "median": "a", "best": "b"}),
        ({"a": float("nan")}, {}),
    ],
    ids=["odd", "even takes the lower", "ties by id", "undefined is left out", "zero stays in", "nothing defined"],
)
def test_worst_median_and_best_case(scores, expected):
    assert ranks(**scores) == expected


@pytest.fixture
def fold_folder(tmp_path):
    """A fold run's folder with two epochs in its journal, the first of them trained twice."""
    folder = tmp_path / "fold_runs" / "0123"
    folder.mkdir(parents=True)
    epochs = [(1, 0.9, 0.8), (2, 0.7, 0.6), (1, 0.9, 0.8), (2, 0.7, 0.6)]
    events = [
        {"time": 1.0, "event": "epoch", "epoch": number, "train_loss": train, "val_loss": val}
        | {"val_dsc": 0.5, "seconds": 1.0}
        for number, train, val in epochs
    ]
    events.append({"time": 2.0, "event": "stopped", "reason": "max_epochs", "best_epoch": 2})
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


@pytest.fixture
def raw_cases(tmp_path, fold_folder):
    """Cases a and b, with their CT, their mask and a prediction."""
    cases = []
    for case_id in "ab":
        paths = [tmp_path / f"{case_id}_{kind}.nii.gz" for kind in ("ct", "mask")]
        lesion_DHW = np.zeros((4, 16, 16), dtype=np.uint8)
        lesion_DHW[1:3, 4:9, 4:9] = 1
        hu_DHW = 30.0 + 40.0 * lesion_DHW.astype(np.float32)
        for path, array in (
            (paths[0], hu_DHW),
            (paths[1], lesion_DHW),
            (fold_folder / "predictions" / f"{case_id}.nii.gz", np.roll(lesion_DHW, 2, axis=1)),
        ):
            write_volume(path, Volume(array_DHW=array, affine=np.eye(4)))
        cases.append(Case(case_id=case_id, patient_id="P", ivh=False, ct_path=paths[0], lesion_path=paths[1]))
    return cases


def test_a_replicates_figures_are_png_files_by_their_names(tmp_path, fold_folder, raw_cases):
    folder = tmp_path / "figures" / "patchsize" / "arm"
    figures = draw_replicate("arm", table(a=0.2, b=0.8), raw_cases, {0: fold_folder}, folder)
    assert set(figures) == {"boxplot.png", "training.png", "worst.png", "median.png", "best.png"}
    for name, path in figures.items():
        assert path == folder / name
        assert path.read_bytes().startswith(b"\x89PNG")


def test_without_a_defined_score_there_are_no_overlays(tmp_path, fold_folder, raw_cases):
    figures = draw_replicate("arm", table(a=np.nan, b=np.nan), raw_cases, {0: fold_folder}, Path(tmp_path / "f"))
    assert set(figures) == {"boxplot.png", "training.png"}
