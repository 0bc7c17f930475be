"""A fold run in this process, scored as the child scores it."""

import json
import re

from hemosweep.foldrun.seal import read_seal, seal
from hemosweep.foldrun.spec import PREDICTIONS_NAME
from hemosweep.training import fold_run
from hemosweep.training.scoring import Scoring


def run_fold(spec, folder, journal, should_pause=lambda: False):
    if not (folder / "spec.json").exists():
        spec.write(folder)
    fold_run.run_fold(spec, folder, journal, Scoring.of(spec, folder), should_pause)


def seal_again(folder):
    """Seal the files as they are now, whatever was done to them."""
    before = read_seal(folder)
    predicted = [path.name.removesuffix(".nii.gz") for path in (folder / PREDICTIONS_NAME).iterdir()]
    seal(folder, digest=before.digest, seconds=before.seconds, test_case_ids=predicted)


def without_ids_and_times(printed):
    """The table that `sweep --json` printed, without run ids and times, which each run of a sweep has of its own."""
    table = json.loads(printed)
    for arm in table["arms"]:
        del arm["run_id"], arm["seconds"]
    for pair in table["comparisons"]:
        for name in [name for name in pair if name.startswith("run_id") or name == "baseline_run_ids"]:
            del pair[name]
        for name in ("verdict", "family_verdict"):
            pair[name] = re.sub(r", [0-9a-z ]+ of training,", "", pair[name])
    return table
