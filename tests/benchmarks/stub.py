"""A fold run that trains nothing: what `engine.py` gives the engine's child processes to do.

A module of its own, since a forked process imports the module that its job comes from.
"""

import shutil
import time
from pathlib import Path

from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import JOURNAL_NAME, PREDICTIONS_NAME, FoldRunSpec
from hemosweep.scores.table import NUMBER_COLUMNS
from hemosweep.testing.fold_runs import seal_untrained

NUM_EPOCHS = 12
"""As many as the demo profile has at most."""


def finish_at_once(folder: Path) -> int:
    """Leave what a training leaves: a journal of twelve epochs, predictions, scores and the done-marker.

    The predictions are the reference masks of the data set that the preprocessed cases lie in.
    """
    begun = time.perf_counter()
    spec = FoldRunSpec.read(folder)
    journal = Journal(folder / JOURNAL_NAME)
    journal.write("started", device="cpu", threads=1, precision="float32", torch="none")
    for epoch in range(1, NUM_EPOCHS + 1):
        loss = 1.0 / epoch
        journal.write("epoch", epoch=epoch, train_loss=loss, val_loss=loss, val_dsc=1.0 - loss, seconds=0.0)
    journal.write("stopped", reason="max_epochs", best_epoch=NUM_EPOCHS)
    scores = []
    (folder / PREDICTIONS_NAME).mkdir(exist_ok=True)
    for number, case in enumerate(spec.test):
        data = Path(case.path).parents[3]
        mask = data / case.case_id / "ct" / f"{case.case_id}_label-lesion_mask.nii.gz"
        shutil.copyfile(mask, folder / PREDICTIONS_NAME / f"{case.case_id}.nii.gz")
        dsc = 0.5 + 0.4 * spec.config.training.optimiser.learning_rate / (number + 1)
        journal.write("tested", case_id=case.case_id, dsc=dsc, seconds=0.0)
        values = dict.fromkeys(NUMBER_COLUMNS, 1.0) | {"dsc": dsc}
        scores.append(values | {"case_id": case.case_id, "fold": spec.fold, "ivh": case.ivh})
    seconds = time.perf_counter() - begun
    journal.write("done", seconds=seconds)
    seal_untrained(folder, scores, seconds=seconds)
    return 0
