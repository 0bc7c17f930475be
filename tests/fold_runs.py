"""A fold run in this process, scored as the child scores it."""

from hemosweep.training import fold_run
from hemosweep.training.scoring import Scoring


def run_fold(spec, folder, journal, should_pause=lambda: False):
    fold_run.run_fold(spec, folder, journal, Scoring.of(spec, folder), should_pause)
