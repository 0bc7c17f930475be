import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import hemosweep.tracking.backend  # noqa: F401  # As in the product: before anybody imports mlflow itself.
from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.foldrun.scores import FoldScores, write_scores
from hemosweep.foldrun.seal import prediction_name, seal
from hemosweep.tracking.database import database_path

CASES = [
    {"case_id": "001", "dsc": 0.2, "fold": 0, "ivh": "yes", "patient_id": "n/a"},
    {"case_id": "002", "dsc": 0.4, "fold": 0, "ivh": "no", "patient_id": "n/a"},
    {"case_id": "003", "dsc": 0.9, "fold": 1, "ivh": "no", "patient_id": "n/a"},
    {"case_id": "004", "dsc": None, "fold": 1, "ivh": "n/a", "patient_id": "n/a"},
]
SCORES = {
    "reference_ml": 10.0,
    "predicted_ml": 9.0,
    "false_positive_ml": 1.5,
    "nsd": 0.75,
    "hd95_mm": 4.5,
    "assd_mm": 1.25,
    "volume_difference_ml": -1.0,
    "absolute_volume_difference_ml": 1.0,
    "lesion_f1": 0.5,
    "lesion_sensitivity": 0.5,
    "lesion_precision": 0.5,
    "voxel_sensitivity": 0.75,
    "voxel_precision": 0.8,
}


@pytest.fixture
def out(migrated_database, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copyfile(migrated_database, database_path(folder))
    return folder


@pytest.fixture
def replicate():
    def make(arm="dice", *, sweep="loss", seed=0, run_name=None, **changes):
        fields = {
            "sweep": sweep,
            "arm": arm,
            "seed": seed,
            "digest": f"{sweep}-{arm}-{seed}",
            "run_name": run_name or arm,
            "config": {"model": {"depth": 3, "se": True}, "loss": {"name": arm}},
            "tags": {"dataset": "abc"},
            "environment": {"python": "3.11", "git_commit": "0123abc"},
        }
        return ReplicateInfo(**(fields | changes))

    return make


@pytest.fixture
def cases():
    return pd.DataFrame([row | SCORES for row in CASES]).astype({"dsc": float})


class FoldFolder:
    """Writes a fold run's folder step by step, as the training child does; epoch e is journalled at second 1000 + e."""

    def __init__(self, path: Path, digest: str) -> None:
        path.mkdir(parents=True)
        self.path = path
        self.digest = digest

    def event(self, name, time=1000.0, **fields):
        with (self.path / "events.jsonl").open("a") as journal:
            journal.write(json.dumps({"time": time, "event": name, **fields}) + "\n")

    def start(self):
        self.event("started", device="cpu", torch="2.9", threads=2)

    def epoch(self, number, val_dsc=0.5):
        self.event(
            "epoch",
            1000.0 + number,
            epoch=number,
            train_loss=1 / number,
            val_loss=2 / number,
            val_dsc=val_dsc,
            seconds=1.0,
        )

    def cost(self, *, windows, memory_of="process", gib=1):
        """Files of the present version before and after it tests the cases of the fold."""
        self.event("network", parameters=1000, window_flops=2_000_000_000)
        for place, number in enumerate(windows):
            self.event("tested", case_id=f"case {place}", dsc=0.5, seconds=0.5 * (place + 1), num_windows=number)
        self.event("peak_memory", of=memory_of, bytes=gib * 2**30)

    def finish(self, fold, num_epochs):
        self.event("stopped", 1000.5 + num_epochs, reason="max_epochs", best_epoch=1)
        rows = [row | SCORES for row in CASES if row["fold"] == fold]
        case_ids = [row["case_id"] for row in rows]
        test = [{"case_id": case_id} for case_id in case_ids]
        (self.path / "spec.json").write_text(json.dumps({"digest": self.digest, "test": test}))
        (self.path / "predictions").mkdir()
        for name in ("weights.pt", *map(prediction_name, case_ids)):
            (self.path / name).touch()
        write_scores(self.path, FoldScores(rows=rows))
        self.event("done", 1001.0 + num_epochs, seconds=12.5)
        seal(self.path, digest=self.digest, seconds=12.5, test_case_ids=case_ids)


@pytest.fixture
def fold_folder(tmp_path):
    def make(fold=0, num_epochs=None):
        folder = FoldFolder(tmp_path / f"fold-run-{fold}", f"digest-{fold}")
        if num_epochs is not None:
            folder.start()
            for number in range(1, num_epochs + 1):
                folder.epoch(number)
            folder.finish(fold, num_epochs)
        return folder

    return make
