"""The Optuna studies: of a sweep, whose arm replicates are its trials, and of a search, whose sampler picks them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from hemosweep.ablation.search import Axis, Choice, Search, Trial
from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.digest import digest_json
from hemosweep.engine.attempts import FoldRunAttempts
from hemosweep.engine.index import LEDGER_NAME
from hemosweep.engine.plan import Replicate
from hemosweep.errors import BadInput
from hemosweep.scores.overlap import Dsc
from hemosweep.sqlite import check_database, database_url, move_away, reports_database_faults, usable
from hemosweep.training.scoring import record_metric

VALUE_NAME = "mean DSC"
_DIGEST = "replicate"
_SPACE = "space"
_METRIC = "dsc_digest"
"""Attribute of a trial: the digest of the DSC that its value was computed by."""
_ATTEMPTS = "fold_runs"
"""Attribute of a trial: the `FoldRunAttempts` of its fold runs, in the order of the folds."""
RUN_ID = "mlflow_run_id"
"""Attribute of a trial: the MLflow run of its replicate."""


class _Book:
    """Trials of an Optuna study while they run. A trial's DSC of fold k is its intermediate value at step k.

    The storage is used directly, because a study returns only the trials that it asked for itself.
    """

    path: Path
    _study: optuna.Study
    _storage: RDBStorage

    @reports_database_faults
    def run_known(self, number: int, run_id: str | None) -> None:
        """Enter the MLflow run of a trial's replicate; None is not entered."""
        if run_id is not None:
            with suppress(UpdateFinishedTrialError):
                self._storage.set_trial_user_attr(self._identifier(number), RUN_ID, run_id)

    @reports_database_faults
    def fold_done(self, number: int, fold: int, dsc_mean: float | None) -> None:
        """Enter the mean DSC of a trial's fold as soon as the fold is done; an undefined mean is not entered."""
        if dsc_mean is not None and math.isfinite(dsc_mean):
            with suppress(UpdateFinishedTrialError):
                self._storage.set_trial_intermediate_value(self._identifier(number), fold, dsc_mean)

    def _enter(self, number: int, attempts: Sequence[FoldRunAttempts]) -> None:
        """Enter the attempts of a trial as one attribute, since each attribute is a transaction."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(self._identifier(number), _ATTEMPTS, _as_json(attempts))

    def _identifier(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(self._study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, number)


class Ledger(_Book):
    """The Optuna study of a sweep. Each replicate is one complete trial; no sampler chooses and no pruner stops one,
    because arms are compared."""

    def __init__(self, out: Path, sweep: Sweep) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(choices) for name, choices in sweep.space.items()
        }
        self.path = out / LEDGER_NAME
        self._storage = open_ledger(self.path)
        self._study = self._open_for(sweep)

    @reports_database_faults
    def _open_for(self, sweep: Sweep) -> optuna.Study:
        space = digest_json({name: list(choices) for name, choices in sweep.space.items()})
        study = self._open(sweep.name)
        if study.user_attrs.setdefault(_SPACE, space) != space:
            # Optuna refuses a choice that its study has not seen: a changed ablation gets a study beside the old one.
            study = self._open(f"{sweep.name}-{space}")
        study.set_user_attr(_SPACE, space)
        return study

    def _open(self, name: str) -> optuna.Study:
        study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        _name_value(study)
        return study

    @reports_database_faults
    def begin(self, replicate: Replicate, attempts: Sequence[FoldRunAttempts]) -> int:
        """Number of the replicate's trial.

        It is the last trial of the replicate if that was interrupted, or if it is complete and belongs to these very
        fold runs and to the DSC as it is now. Otherwise it is a new trial, so that fold runs that were trained or
        scored again get a value of their own.

        Args:
            attempts: attempts and time of its fold runs until now.
        """
        trials = [t for t in self._study.get_trials(deepcopy=False) if t.user_attrs.get(_DIGEST) == replicate.digest]
        last = trials[-1] if trials else None
        if last is not None and (last.state is TrialState.RUNNING or _stands(last, attempts)):
            return last.number
        trial = create_trial(
            state=TrialState.RUNNING,
            params=dict(replicate.arm.params),
            distributions=self._space,
            user_attrs={
                _DIGEST: replicate.digest,
                _METRIC: _dsc_digest(),
                "arm": replicate.arm.name,
                "seed": replicate.seed,
            },
        )
        # As the study's add_trial does it, which does not return the number.
        identifier = self._storage.create_new_trial(
            self._storage.get_study_id_from_name(self._study.study_name), template_trial=trial
        )
        return self._storage.get_trial_number_from_id(identifier)

    @reports_database_faults
    def complete(self, number: int, dsc_mean: float, attempts: Sequence[FoldRunAttempts]) -> None:
        """Enter the replicate's mean DSC and its attempts; a complete trial stays as it is."""
        self._enter(number, attempts)
        self._study.tell(number, dsc_mean, skip_if_finished=True)

    @reports_database_faults
    def fail(self, number: int, attempts: Sequence[FoldRunAttempts]) -> None:
        """Enter that a fold of the replicate failed, and its attempts; the next sweep makes a new trial of it."""
        self._enter(number, attempts)
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)


class SearchLedger(_Book):
    """The Optuna study of a search: the memory of the sampler, and the point where an interrupted search goes on.

    A study belongs to one data set, split, source and base configuration: a DSC from another would mislead the sampler.
    The sampler gets a new seed for each trial, so that an interrupted search tries the same arms as an undisturbed one.
    """

    def __init__(self, out: Path, search: Search, base: ArmConfig, facts: Mapping[str, str]) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = {name: _distribution(axis) for name, axis in search.space.items()}
        self._start = dict(search.start)
        key = digest_json(
            {
                "space": {name: asdict(axis) for name, axis in search.space.items()},
                "base": config_as_dict(search.base(base)),
                "facts": dict(facts) | {"dsc_digest": _dsc_digest()},
            }
        )
        self.path = out / LEDGER_NAME
        self._storage = open_ledger(self.path)
        with usable(self.path):
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=f"{search.name}-{key}",
                direction="maximize",
                pruner=optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
            _name_value(self._study)

    @reports_database_faults
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

    @reports_database_faults
    def ask(self) -> Trial:
        """Return the trial that an interruption left open, or else the next one that the sampler picks."""
        for trial in self.trials():
            if not trial.ended:
                return trial
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(self._start)
        self._study.sampler = TPESampler(seed=len(self._whole()))
        self._study.ask(self._space)
        return self.trials()[-1]

    @reports_database_faults
    def begin(self, replicate: Replicate, attempts: Sequence[FoldRunAttempts]) -> int:
        """Number of the open trial: the replicate belongs to it."""
        return self.ask().number

    @reports_database_faults
    def complete(self, number: int, dsc_mean: float, attempts: Sequence[FoldRunAttempts]) -> None:
        """Enter the trial's mean DSC and its attempts."""
        self._enter(number, attempts)
        self._study.tell(number, dsc_mean)

    @reports_database_faults
    def fail(self, number: int, attempts: Sequence[FoldRunAttempts]) -> None:
        """Enter that a fold of the trial failed, and its attempts; the sampler learns nothing from it."""
        self._enter(number, attempts)
        self._study.tell(number, state=TrialState.FAIL)

    def _whole(self) -> list[FrozenTrial]:
        """Trials with all of their parameters. Optuna stores the parameters one by one, and may be killed in
        between."""
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


def _name_value(study: optuna.Study) -> None:
    """Name the value of a study's trials, as pictures and optuna-dashboard show it."""
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([VALUE_NAME])


def open_ledger(path: Path) -> RDBStorage:
    """The storage of an output folder's studies.

    Raises:
        BadInput: it cannot be used, or is of another Optuna.
    """
    check_database(path)
    with usable(path):
        try:
            return RDBStorage(database_url(path))
        except RuntimeError as error:  # Optuna's, of a revision of the tables that is not its own.
            raise BadInput(
                f"{path}: was written by another Optuna than {optuna.__version__}; install the version that wrote it, "
                f"or {move_away(path)}, and the same command makes it anew from the fold runs that are done"
            ) from error


def _stands(trial: FrozenTrial, attempts: Sequence[FoldRunAttempts]) -> bool:
    """True if the value of a trial comes from the fold runs with these attempts and the present DSC, not from earlier
    ones."""
    same = trial.user_attrs.get(_METRIC) == _dsc_digest() and trial.user_attrs.get(_ATTEMPTS) == _as_json(attempts)
    return trial.state is TrialState.COMPLETE and same


def _dsc_digest() -> str | None:
    return record_metric(Dsc()).digest


def _as_json(attempts: Sequence[FoldRunAttempts]) -> list[dict[str, Any]]:
    return [asdict(fold_run) for fold_run in attempts]
