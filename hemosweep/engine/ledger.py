"""The Optuna study of a sweep: its search space is the ablation, and every arm replicate is one trial."""

from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState

from hemosweep.data.digest import digest_json
from hemosweep.engine.plan import Replicate
from hemosweep.engine.sweep import Sweep

LEDGER_NAME = "optuna.db"
_DIGEST = "replicate"
_SPACE = "space"


class Ledger:
    """Enumerates arms explicitly through ask and tell. No sampler chooses and no pruner runs: arms are compared."""

    def __init__(self, out: Path, sweep: Sweep) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(choices) for name, choices in sweep.space.items()
        }
        storage = f"sqlite:///{(out / LEDGER_NAME).resolve()}"
        space = digest_json({name: list(choices) for name, choices in sweep.space.items()})
        study = self._open(storage, sweep.name)
        if study.user_attrs.setdefault(_SPACE, space) != space:
            # Optuna refuses a choice that its study has not seen: a changed ablation gets a study beside the old one.
            study = self._open(storage, f"{sweep.name}-{space}")
        study.set_user_attr(_SPACE, space)
        self._study = study

    @staticmethod
    def _open(storage: str, name: str) -> optuna.Study:
        return optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=optuna.pruners.NopPruner(),
            load_if_exists=True,
        )

    def begin(self, replicate: Replicate) -> int:
        """Number of the replicate's trial: the one it has, if that is complete or was cut short, else a new one."""
        trials = self._study.get_trials(deepcopy=False)
        states = {trial.state: trial.number for trial in trials if trial.user_attrs.get(_DIGEST) == replicate.digest}
        for state in (TrialState.COMPLETE, TrialState.RUNNING):
            if state in states:
                return states[state]
        if TrialState.WAITING not in states:
            self._study.enqueue_trial(
                dict(replicate.arm.params),
                user_attrs={_DIGEST: replicate.digest, "arm": replicate.arm.name, "seed": replicate.seed},
            )
        while True:
            asked = self._study.ask(self._space)
            if asked.user_attrs.get(_DIGEST) == replicate.digest:
                return asked.number
            # Left waiting by a driver that died between enqueue and ask.
            self._study.tell(asked, state=TrialState.FAIL)

    def complete(self, number: int, dsc_mean: float) -> None:
        """Enter the replicate's mean DSC; again is no error."""
        self._study.tell(number, dsc_mean, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """Enter that a fold of the replicate failed; the next sweep makes a new trial of it."""
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
