from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from hemosweep.config import ArmConfig
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate
from hemosweep.engine.sweep import Sweep

SWEEP = Sweep(
    name="size",
    question="Which size?",
    space={"size": ("small", "large"), "se": (False, True)},
    arm_name=lambda params: f"{params['size']}/{params['se']}",
    configure=lambda base, params: base,
    baseline="small/False",
    comparisons=(),
)
ARMS = SWEEP.arms(ArmConfig())


@pytest.fixture
def replicate(tiny_spec):
    def make(arm=0, seed=0, digest=None):
        spec = tiny_spec(digest=digest or f"{ARMS[arm].name}@{seed}", seed=seed)
        return Replicate(arm=ARMS[arm], seed=seed, run_name=ARMS[arm].name, fold_runs=(spec,))

    return make


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path, SWEEP)


def trials(out):
    return optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="size").get_trials()


def test_a_replicate_is_one_trial_with_its_arms_params_and_its_mean_dsc(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(arm=1, seed=3))
    ledger.complete(number, 0.75)
    (trial,) = trials(tmp_path)
    assert trial.number == number
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)
    assert trial.params == {"size": "small", "se": True}
    assert (trial.user_attrs["arm"], trial.user_attrs["seed"]) == ("small/True", 3)


def test_the_study_asks_for_a_higher_dsc_and_holds_the_sweeps_space(tmp_path, ledger, replicate):
    for arm in range(4):
        ledger.complete(ledger.begin(replicate(arm)), 0.5 + arm / 10)
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_trial.params == {"size": "large", "se": True}
    assert [trial.params for trial in study.get_trials()] == [dict(arm.params) for arm in ARMS]
    assert {name: space.choices for name, space in study.best_trial.distributions.items()} == SWEEP.space


def test_a_complete_replicate_keeps_its_trial_and_its_value(tmp_path, ledger, replicate):
    number = ledger.begin(replicate())
    ledger.complete(number, 0.75)
    again = Ledger(tmp_path, SWEEP)
    assert again.begin(replicate()) == number
    again.complete(number, 0.75)
    again.fail(number)
    (trial,) = trials(tmp_path)
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)


def test_a_replicate_that_was_cut_short_goes_on_with_its_trial(tmp_path, ledger, replicate):
    number = ledger.begin(replicate())
    again = Ledger(tmp_path, SWEEP)
    assert again.begin(replicate()) == number
    again.complete(number, 0.5)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE]


def test_a_failed_replicate_gets_a_new_trial(tmp_path, ledger, replicate):
    first = ledger.begin(replicate())
    ledger.fail(first)
    second = ledger.begin(replicate())
    assert second != first
    ledger.complete(second, 0.5)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.FAIL, TrialState.COMPLETE]
    assert Ledger(tmp_path, SWEEP).begin(replicate()) == second


def test_each_seed_and_each_digest_is_a_trial_of_its_own(ledger, replicate):
    numbers = [ledger.begin(replicate(seed=0)), ledger.begin(replicate(seed=1)), ledger.begin(replicate(digest="new"))]
    assert len(set(numbers)) == 3


def test_a_trial_left_waiting_by_a_dead_driver_is_closed_and_not_taken_for_the_replicate(tmp_path, ledger, replicate):
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")
    study.enqueue_trial({"size": "large", "se": True}, user_attrs={"replicate": "of the dead driver"})
    number = ledger.begin(replicate(arm=0))
    ledger.complete(number, 0.5)
    stale, mine = trials(tmp_path)
    assert (stale.state, mine.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert (mine.number, mine.params) == (number, {"size": "small", "se": False})


def test_a_waiting_trial_of_the_same_replicate_is_taken_up(tmp_path, ledger, replicate):
    mine = replicate()
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")
    study.enqueue_trial(dict(mine.arm.params), user_attrs={"replicate": mine.digest})
    assert ledger.begin(mine) == 0
    assert [trial.params for trial in trials(tmp_path)] == [dict(mine.arm.params)]


def test_sweeps_share_the_file_and_not_the_trials(tmp_path, ledger, replicate):
    ledger.begin(replicate())
    other = Ledger(tmp_path, replace(SWEEP, name="other"))
    assert other.begin(replicate()) == 0
    assert len(trials(tmp_path)) == 1


def test_an_ablation_whose_space_grew_gets_a_study_beside_the_old_one(tmp_path, ledger, replicate):
    ledger.complete(ledger.begin(replicate()), 0.5)
    grown = replace(SWEEP, space=SWEEP.space | {"size": ("small", "large", "huge")})
    arm = grown.arms(ArmConfig())[-1]
    other = Ledger(tmp_path, grown)
    other.complete(other.begin(replace(replicate(), arm=arm)), 0.9)
    assert [trial.value for trial in trials(tmp_path)] == [0.5]
    names = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert len(names) == 2
    assert all(name.startswith("size") for name in names)
    # The old space still finds its own study.
    assert Ledger(tmp_path, SWEEP).begin(replicate()) == 0
