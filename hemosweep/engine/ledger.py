"""The Optuna studies: of a sweep, whose arm replicates are its trials, and of a search, whose sampler picks them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.data.digest import digest_json
from hemosweep.engine.plan import Replicate
from hemosweep.engine.search import Axis, Choice, Search, Trial
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


class SearchLedger:
    """The Optuna study of a search: the sampler's memory, and where a search goes on after an interruption.

    A study is for one data set, split, source and base configuration: a DSC from others would mislead the sampler.
    The sampler is seeded anew for each trial, so that an interrupted search asks for the arms of an undisturbed one.
    """

    def __init__(self, out: Path, search: Search, base: ArmConfig, facts: Mapping[str, str]) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = {name: _distribution(axis) for name, axis in search.space.items()}
        self._start = dict(search.start)
        key = digest_json(
            {
                "space": {name: asdict(axis) for name, axis in search.space.items()},
                "base": config_as_dict(search.base(base)),
                "facts": dict(facts),
            }
        )
        self._study = optuna.create_study(
            storage=f"sqlite:///{(out / LEDGER_NAME).resolve()}",
            study_name=f"{search.name}-{key}",
            direction="maximize",
            pruner=optuna.pruners.NopPruner(),
            load_if_exists=True,
        )

    def trials(self) -> tuple[Trial, ...]:
        """Every trial so far, oldest first."""
        return tuple(
            Trial(
                index=index,
                number=trial.number,
                params=trial.params,
                ended=trial.state.is_finished(),
                dsc=trial.value if trial.state is TrialState.COMPLETE else None,
            )
            for index, trial in enumerate(self._whole())
        )

    def ask(self) -> Trial:
        """The trial that an interruption left open, or else the next one that the sampler picks."""
        for trial in self.trials():
            if not trial.ended:
                return trial
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(self._start)
        self._study.sampler = TPESampler(seed=len(self._whole()))
        self._study.ask(self._space)
        return self.trials()[-1]

    def begin(self, replicate: Replicate) -> int:
        """Number of the open trial, which the replicate is."""
        return self.ask().number

    def complete(self, number: int, dsc_mean: float) -> None:
        """Enter the trial's mean DSC."""
        self._study.tell(number, dsc_mean)

    def fail(self, number: int) -> None:
        """Enter that a fold of the trial failed; the sampler learns nothing from it."""
        self._study.tell(number, state=TrialState.FAIL)

    def _whole(self) -> list[FrozenTrial]:
        """Trials with all of their parameters: Optuna stores one after the other, and may be killed in between."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state is TrialState.RUNNING and set(trial.params) != set(self._space):
                self._study.tell(trial.number, state=TrialState.FAIL)
        return [
            trial for trial in trials if set(trial.params) == set(self._space) and trial.state is not TrialState.WAITING
        ]


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.options)
    return FloatDistribution(axis.low, axis.high, log=axis.log)
