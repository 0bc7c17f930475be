"""A stand-in for the training of a sweep that runs in this process.

It predicts every lesion but a few of its slices: real files, real scores, real stores, no network.
"""

import math
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hemosweep.executors.protocol import Ended
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.seal import seal
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.tracking.database import database_path
from hemosweep.training.scoring import Scoring
from hemosweep.training.testing import write_prediction
from hemosweep.workflows.sweeping.case_page import case_page_note

SMALL, MIDDLE = "24x24x8", "32x32x16"


class Child:
    """An executor without a network. The larger the patch, the fewer slices are missed; a seed misses one more."""

    num_slots = num_open = 1
    seconds = 1.0
    """Time of a fold run, as its seal has it."""

    def __init__(self):
        self.failing = set()
        self.interrupted = set()
        self.more_missed = 0
        self.trained = []
        self.running = []
        self.draws = False  # the boxplot and the case page
        self.is_open = False

    def start(self, folder):
        self.running.append(folder)

    def wait(self, timeout_s):
        return [self.train(self.running.pop())]

    def kill(self):
        self.running.clear()

    def train(self, folder):
        spec = FoldRunSpec.read(folder)
        name = "x".join(str(2 * size) for size in spec.config.sampling.patch_HWD), spec.seed, spec.fold
        self.trained.append(name)
        journal = Journal(folder / "events.jsonl")
        journal.write("started", device="cpu", threads=1, torch="none")
        journal.write("epoch", epoch=1, train_loss=1.0, val_loss=1.0, val_dsc=0.5, seconds=1.0)
        if name in self.failing:
            journal.write("failed", kind="out_of_memory", message="no memory for 3 GiB")
            return Ended(folder=folder, failure=f"out of memory: no memory for 3 GiB; details in {folder / 'log.txt'}")
        if name in self.interrupted:
            raise KeyboardInterrupt
        scoring, scores = Scoring.of(spec, folder), []
        for number, case_input in enumerate(spec.test):
            case = load_preprocessed(Path(case_input.path))
            prediction_DHW = self.predict(spec, name, number, case.reference_DHW.copy())
            write_prediction(
                folder / "predictions" / f"{case.case_id}.nii.gz", prediction_DHW, case.affine, case.file_grid
            )
            scores.append(scoring.score(case_input, case, prediction_DHW))
        journal.write("stopped", reason="max_epochs", best_epoch=1)
        scoring.write(scores)
        (folder / "weights.pt").touch()
        seal(folder, digest=spec.digest, seconds=self.seconds, test_case_ids=[case.case_id for case in spec.test])
        return Ended(folder=folder)

    def predict(self, spec, name, number, reference_DHW):
        """The prediction of the test case with a number, of a training with a name (arm, seed, fold)."""
        slices = np.flatnonzero(reference_DHW.any(axis=(1, 2)))
        size = math.prod(2 * length for length in spec.config.sampling.patch_HWD)
        missed = (size <= 24 * 24 * 8) + (size <= 32 * 32 * 16) + spec.seed + number + self.more_missed
        reference_DHW[slices[: min(missed, len(slices) - 1)]] = False
        return reference_DHW


def stand_in(monkeypatch, child, *, boxplot=lambda *_, **__: None):
    """Let every sweep of this process train with `child`, and draw nothing: pictures take longer than all the rest."""

    @contextmanager
    def opened(*_, **__):
        child.is_open = True
        yield child
        child.is_open = False

    def page(*arguments):
        assert not child.is_open, "other machines wait for the case page"
        return case_page_note(*arguments) if child.draws else ""

    monkeypatch.setattr("hemosweep.workflows.sweeping.ablation.open_executor", opened)
    monkeypatch.setattr("hemosweep.workflows.sweeping.ablation.case_page_note", page)
    monkeypatch.setattr(
        "hemosweep.workflows.sweeping.ablation.SweepFigures", lambda *_, **__: lambda replicate, cases: {}
    )
    monkeypatch.setattr("hemosweep.workflows.sweeping.notes.boxplot", boxplot)
    monkeypatch.setattr("hemosweep.workflows.sweeping.verdict.draw_family", lambda family, out: family)


def with_store(out, migrated_database):
    """A folder of results with an empty store, which would take seconds to make."""
    out.mkdir(parents=True)
    shutil.copyfile(migrated_database, database_path(out))
    return out
