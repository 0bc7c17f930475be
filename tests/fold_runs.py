"""A fold run in this process, scored as the child scores it."""

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
