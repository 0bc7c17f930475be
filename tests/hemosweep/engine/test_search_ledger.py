from dataclasses import replace

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from hemosweep.ablation.search import Choice, Real, Search
from hemosweep.config import ArmConfig
from hemosweep.engine.attempts import FoldRunAttempts
from hemosweep.engine.ledger import SearchLedger

START = {"rate": 1.0, "loss": "dice"}
SEARCH = Search(
    name="rate",
    question="Which rate?",
    space={"rate": Real(low=0.1, high=10.0, log=True), "loss": Choice(options=("dice", "focal"))},
    start=START,
    base=lambda base: base,
    configure=lambda base, params: base,
)
EFFORTS = (FoldRunAttempts(fold=0, digest="d0", num_attempts=2, seconds=12.5),)
FACTS = {"dataset_digest": "d", "folds_digest": "f"}


def open_ledger(out, *, search=SEARCH, facts=FACTS, base=None):
    return SearchLedger(out, search, base or ArmConfig(), facts)


def value(params):
    """Best at a rate of 3 with the focal loss."""
    return 1.0 / (1.0 + abs(params["rate"] - 3.0)) + (params["loss"] == "focal")


def run(ledger, num_trials):
    while len(ledger.trials()) < num_trials or not ledger.trials()[-1].ended:
        trial = ledger.ask()
        ledger.complete(ledger.begin(None, ()), value(trial.params), EFFORTS)
    return [(trial.name, trial.params, trial.dsc) for trial in ledger.trials()]


def test_a_search_begins_at_its_start_and_then_leaves_it(tmp_path):
    (first, *others) = run(open_ledger(tmp_path), 4)
    assert first == ("trial-000", START, value(START))
    assert [name for name, _, _ in others] == ["trial-001", "trial-002", "trial-003"]
    assert all(params != START for _, params, _ in others)


def test_the_sampler_learns_from_what_it_was_told(tmp_path):
    trials = run(open_ledger(tmp_path), 40)
    late = [params for _, params, _ in trials[25:]]
    assert sum(params["loss"] == "focal" for params in late) > 10
    assert sum(1.0 < params["rate"] < 9.0 for params in late) > 10


def test_a_trial_that_was_cut_short_is_asked_for_again(tmp_path):
    ledger = open_ledger(tmp_path)
    run(ledger, 2)
    asked = ledger.ask()
    assert open_ledger(tmp_path).ask() == asked
    assert not asked.ended


def test_an_interrupted_search_asks_for_the_trials_of_an_undisturbed_one(tmp_path):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    undisturbed = run(open_ledger(tmp_path / "whole"), 15)
    for num_trials in (1, 4, 12, 15):
        ledger = open_ledger(tmp_path / "parts")
        trials = run(ledger, num_trials)
        ledger.ask()  # and the driver dies
    assert trials == undisturbed


def test_a_trial_whose_driver_died_between_two_parameters_is_no_trial(tmp_path):
    (tmp_path / "whole").mkdir()
    undisturbed = run(open_ledger(tmp_path / "whole"), 4)
    ledger = open_ledger(tmp_path)
    run(ledger, 2)
    (name,) = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    study.ask({"rate": FloatDistribution(0.1, 10.0, log=True)})
    assert run(open_ledger(tmp_path), 4) == undisturbed
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.COMPLETE] * 2 + [TrialState.FAIL] + [TrialState.COMPLETE] * 2


def test_a_trial_has_what_its_fold_runs_took_complete_or_failed(tmp_path):
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    ledger.ask()
    ledger.fail(ledger.begin(None, ()), EFFORTS)
    (name,) = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    told = [{"fold": 0, "digest": "d0", "num_attempts": 2, "seconds": 12.5}]
    assert [trial.user_attrs["fold_runs"] for trial in study.get_trials()] == [told, told]


def test_a_trial_has_the_dsc_of_its_folds_and_its_run(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.ask()
    number = ledger.begin(None, ())
    ledger.run_known(number, None)
    ledger.run_known(number, "c0ffee")
    for fold, dsc in ((0, 0.5), (1, None), (2, 0.75), (2, 0.75)):
        ledger.fold_done(number, fold, dsc)
    ledger.complete(number, 0.625, EFFORTS)
    ledger.fold_done(number, 1, 0.25)
    (name,) = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    (trial,) = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / 'optuna.db'}").get_trials()
    assert (trial.intermediate_values, trial.user_attrs["mlflow_run_id"]) == ({0: 0.5, 2: 0.75}, "c0ffee")


def test_a_failed_trial_counts_in_the_budget_and_has_no_dsc(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.ask()
    ledger.fail(ledger.begin(None, ()), EFFORTS)
    (trial,) = ledger.trials()
    assert (trial.ended, trial.dsc) == (True, None)
    assert ledger.ask().index == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"facts": FACTS | {"dataset_digest": "other"}},
        {"base": ArmConfig(training=replace(ArmConfig().training, patience=3))},
        {"search": replace(SEARCH, space=SEARCH.space | {"rate": Real(low=0.1, high=20.0, log=True)})},
        {"search": replace(SEARCH, name="other")},
    ],
    ids=["data", "base", "space", "name"],
)
def test_what_was_learned_elsewhere_is_not_used(tmp_path, changed):
    run(open_ledger(tmp_path), 3)
    assert open_ledger(tmp_path, **changed).trials() == ()
    assert len(open_ledger(tmp_path).trials()) == 3
