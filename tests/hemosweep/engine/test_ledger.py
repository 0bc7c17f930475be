import sqlite3
from contextlib import closing
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig
from hemosweep.engine import ledger as engine_ledger
from hemosweep.engine.attempts import FoldRunAttempts
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate
from hemosweep.errors import BadInput
from hemosweep.sqlite import database_url
from hemosweep.sweeps.base import demo

SWEEP = Sweep(
    name="size",
    question="Which size?",
    space={"size": ("small", "large"), "se": (False, True)},
    arm_name=lambda params: f"{params['size']}/{params['se']}",
    configure=lambda base, params: replace(
        base,
        network=replace(base.network, se=params["se"], width={"small": 8, "large": 16, "huge": 32}[params["size"]]),
    ),
    baseline="small/False",
    comparisons=(),
)
ARMS = SWEEP.arms(ArmConfig())
EFFORTS = (
    FoldRunAttempts(fold=0, digest="d0", num_attempts=1, seconds=12.5),
    FoldRunAttempts(fold=1, digest="d1", num_attempts=3, seconds=0.1 + 0.2),
)


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
    number = ledger.begin(replicate(arm=1, seed=3), EFFORTS)
    ledger.complete(number, 0.75, EFFORTS)
    (trial,) = trials(tmp_path)
    assert trial.number == number
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)
    assert trial.params == {"size": "small", "se": True}
    assert (trial.user_attrs["arm"], trial.user_attrs["seed"]) == ("small/True", 3)


def test_the_study_asks_for_a_higher_dsc_and_holds_the_sweeps_space(tmp_path, ledger, replicate):
    for arm in range(4):
        ledger.complete(ledger.begin(replicate(arm), EFFORTS), 0.5 + arm / 10, EFFORTS)
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_trial.params == {"size": "large", "se": True}
    assert [trial.params for trial in study.get_trials()] == [dict(arm.params) for arm in ARMS]
    assert {name: space.choices for name, space in study.best_trial.distributions.items()} == SWEEP.space


def test_a_complete_replicate_keeps_its_trial_and_its_value(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(), EFFORTS)
    ledger.complete(number, 0.75, EFFORTS)
    again = Ledger(tmp_path, SWEEP)
    assert again.begin(replicate(), EFFORTS) == number
    again.complete(number, 0.75, EFFORTS)
    again.fail(number, EFFORTS)
    (trial,) = trials(tmp_path)
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)


def test_a_replicate_that_was_cut_short_goes_on_with_its_trial(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(), EFFORTS)
    again = Ledger(tmp_path, SWEEP)
    assert again.begin(replicate(), EFFORTS) == number
    again.complete(number, 0.5, EFFORTS)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE]


@pytest.mark.parametrize("end", ["complete", "fail"])
def test_a_trial_has_what_each_of_its_fold_runs_took(tmp_path, ledger, replicate, end):
    number = ledger.begin(replicate(), ())
    ledger.complete(number, 0.5, EFFORTS) if end == "complete" else ledger.fail(number, EFFORTS)
    (trial,) = trials(tmp_path)
    assert trial.user_attrs["fold_runs"] == [
        {"fold": 0, "digest": "d0", "num_attempts": 1, "seconds": 12.5},
        {"fold": 1, "digest": "d1", "num_attempts": 3, "seconds": 0.1 + 0.2},
    ]


def test_what_was_trained_anew_gets_a_new_trial_and_the_old_one_keeps_its_value(tmp_path, ledger, replicate):
    first = ledger.begin(replicate(), ())
    ledger.complete(first, 0.75, EFFORTS)
    second = ledger.begin(replicate(), ())  # Its fold runs were taken away.
    assert second != first
    assert Ledger(tmp_path, SWEEP).begin(replicate(), EFFORTS[:1]) == second, "and were cut short"
    anew = (EFFORTS[0], replace(EFFORTS[1], num_attempts=1))
    ledger.complete(second, 0.5, anew)
    assert [(trial.state, trial.value) for trial in trials(tmp_path)] == [
        (TrialState.COMPLETE, 0.75),
        (TrialState.COMPLETE, 0.5),
    ]
    assert Ledger(tmp_path, SWEEP).begin(replicate(), anew) == second


def test_what_another_sweep_trained_anew_gets_a_new_trial(tmp_path, ledger, replicate):
    ledger.complete(ledger.begin(replicate(), ()), 0.75, EFFORTS)
    anew = (EFFORTS[0], replace(EFFORTS[1], seconds=1.0))
    ledger.complete(ledger.begin(replicate(), anew), 0.5, anew)
    assert [trial.value for trial in trials(tmp_path)] == [0.75, 0.5]


def test_what_failed_when_it_was_trained_anew_is_tried_in_a_third_trial(tmp_path, ledger, replicate):
    ledger.complete(ledger.begin(replicate(), ()), 0.75, EFFORTS)
    ledger.fail(ledger.begin(replicate(), ()), EFFORTS[:1])
    ledger.complete(ledger.begin(replicate(), EFFORTS[:1]), 0.5, EFFORTS)
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE", "FAIL", "COMPLETE"]


def test_a_failed_replicate_gets_a_new_trial(tmp_path, ledger, replicate):
    first = ledger.begin(replicate(), EFFORTS)
    ledger.fail(first, EFFORTS)
    second = ledger.begin(replicate(), EFFORTS)
    assert second != first
    ledger.complete(second, 0.5, EFFORTS)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.FAIL, TrialState.COMPLETE]
    assert Ledger(tmp_path, SWEEP).begin(replicate(), EFFORTS) == second


def test_each_seed_and_each_digest_is_a_trial_of_its_own(ledger, replicate):
    numbers = [
        ledger.begin(replicate(seed=0), EFFORTS),
        ledger.begin(replicate(seed=1), EFFORTS),
        ledger.begin(replicate(digest="new"), EFFORTS),
    ]
    assert len(set(numbers)) == 3


def test_sweeps_share_the_file_and_not_the_trials(tmp_path, ledger, replicate):
    ledger.begin(replicate(), EFFORTS)
    other = Ledger(tmp_path, replace(SWEEP, name="other"))
    assert other.begin(replicate(), EFFORTS) == 0
    assert len(trials(tmp_path)) == 1


def test_an_ablation_whose_space_grew_gets_a_study_beside_the_old_one(tmp_path, ledger, replicate):
    ledger.complete(ledger.begin(replicate(), EFFORTS), 0.5, EFFORTS)
    grown = replace(SWEEP, space=SWEEP.space | {"size": ("small", "large", "huge")})
    arm = grown.arms(ArmConfig())[-1]
    other = Ledger(tmp_path, grown)
    other.complete(other.begin(replace(replicate(), arm=arm), EFFORTS), 0.9, EFFORTS)
    assert [trial.value for trial in trials(tmp_path)] == [0.5]
    names = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert len(names) == 2
    assert all(name.startswith("size") for name in names)
    # The old space still finds its own study.
    assert Ledger(tmp_path, SWEEP).begin(replicate(), EFFORTS) == 0


# --- A trial as Optuna's own views show it ----------------------------------------------------------------------------


def test_a_trial_holds_the_dsc_of_each_fold_as_soon_as_it_is_there(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(), ())
    ledger.fold_done(number, 1, 0.75)
    assert trials(tmp_path)[0].intermediate_values == {1: 0.75}
    ledger.fold_done(number, 0, 0.5)
    ledger.fold_done(number, 0, 0.5)
    ledger.complete(number, 0.625, EFFORTS)
    (trial,) = trials(tmp_path)
    assert (trial.intermediate_values, trial.value) == ({0: 0.5, 1: 0.75}, 0.625)


@pytest.mark.parametrize("undefined", [None, float("nan")])
def test_an_undefined_dsc_of_a_fold_is_not_entered(tmp_path, ledger, replicate, undefined):
    number = ledger.begin(replicate(), ())
    ledger.fold_done(number, 0, undefined)
    assert trials(tmp_path)[0].intermediate_values == {}


def test_a_trial_that_goes_on_takes_the_dsc_of_what_was_trained_last(tmp_path, ledger, replicate):
    ledger.fold_done(ledger.begin(replicate(), ()), 0, 0.5)
    again = Ledger(tmp_path, SWEEP)
    again.fold_done(again.begin(replicate(), ()), 0, 0.75)
    assert [trial.intermediate_values for trial in trials(tmp_path)] == [{0: 0.75}]


def test_a_trial_links_the_run_of_its_replicate_once_it_is_known(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(), ())
    ledger.run_known(number, None)
    assert "mlflow_run_id" not in trials(tmp_path)[0].user_attrs
    ledger.run_known(number, "c0ffee")
    assert trials(tmp_path)[0].user_attrs["mlflow_run_id"] == "c0ffee"


def test_a_finished_trial_keeps_its_folds_and_its_run(tmp_path, ledger, replicate):
    number = ledger.begin(replicate(), ())
    ledger.run_known(number, "c0ffee")
    ledger.fold_done(number, 0, 0.5)
    ledger.complete(number, 0.5, EFFORTS)
    ledger.run_known(number, "other")
    ledger.fold_done(number, 0, 0.75)
    ledger.fold_done(number, 1, 0.75)
    (trial,) = trials(tmp_path)
    assert (trial.intermediate_values, trial.user_attrs["mlflow_run_id"]) == ({0: 0.5}, "c0ffee")


def test_the_trials_are_a_table_of_parameters_values_and_runs(tmp_path, ledger, replicate):
    for arm in range(4):
        number = ledger.begin(replicate(arm), EFFORTS)
        ledger.run_known(number, f"run-{arm}")
        ledger.complete(number, 0.5 + arm / 10, EFFORTS)
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")
    table = study.trials_dataframe()
    assert table["params_size"].tolist() == ["small", "small", "large", "large"]
    assert table["params_se"].tolist() == [False, True, False, True]
    assert table["user_attrs_mlflow_run_id"].tolist() == ["run-0", "run-1", "run-2", "run-3"]


def test_optuna_tells_which_parameter_of_an_ablation_matters(tmp_path, replicate):
    pytest.importorskip("sklearn")
    symmetric = find_sweep("symmetric")
    ledger = Ledger(tmp_path, symmetric)
    for arm in symmetric.arms(demo().config):
        number = ledger.begin(replace(replicate(digest=arm.name), arm=arm), ())
        ledger.complete(number, 0.5 + 0.2 * arm.params["symmetric"], EFFORTS)
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="symmetric")
    importances = optuna.importance.get_param_importances(study)
    assert set(importances) == {"restriction", "symmetric"}
    assert importances["symmetric"] > importances["restriction"]


def test_an_ablation_whose_arms_were_one_parameter_gets_a_study_beside_the_old_one(tmp_path, replicate):
    now = find_sweep("symmetric")
    before = replace(now, space={"arm": now.arm_names}, arm_name=lambda p: p["arm"], where=lambda p: True)
    arms = now.arms(demo().config)
    old = Ledger(tmp_path, before)
    packed = replace(arms[0], params={"arm": arms[0].name})
    old.complete(old.begin(replace(replicate(), arm=packed), EFFORTS), 0.5, EFFORTS)
    new = Ledger(tmp_path, now)
    new.complete(new.begin(replace(replicate(), arm=arms[0]), EFFORTS), 0.75, EFFORTS)
    storage = f"sqlite:///{tmp_path / 'optuna.db'}"
    old_name, new_name = sorted(optuna.get_all_study_names(storage), key=len)
    assert old_name == "symmetric"
    assert new_name.startswith("symmetric-")
    (trial,) = optuna.load_study(storage=storage, study_name=new_name).get_trials()
    assert trial.params == {"restriction": "lesion", "symmetric": False}


def test_a_trial_of_another_dsc_gets_a_successor(tmp_path, ledger, replicate, monkeypatch):
    first = ledger.begin(replicate(), EFFORTS)
    ledger.complete(first, 0.7, EFFORTS)
    assert Ledger(tmp_path, SWEEP).begin(replicate(), EFFORTS) == first
    monkeypatch.setattr(engine_ledger, "_dsc_digest", lambda: "mended")
    assert Ledger(tmp_path, SWEEP).begin(replicate(), EFFORTS) != first


def test_a_folder_of_any_name_has_its_trials_in_it_and_nothing_beside_it(tmp_path, replicate):
    out = tmp_path / "my out?x=1 {SCHEMA_VERSION} %20#é"
    out.mkdir()
    ledger = Ledger(out, SWEEP)
    ledger.complete(ledger.begin(replicate(), EFFORTS), 0.75, EFFORTS)
    assert [path.name for path in out.iterdir()] == ["optuna.db"]
    assert list(tmp_path.iterdir()) == [out]
    (trial,) = optuna.load_study(storage=database_url(out / "optuna.db"), study_name="size").get_trials()
    assert trial.value == 0.75


def test_a_journal_of_an_earlier_ledger_stops_a_new_one(tmp_path):
    journal = tmp_path / "optuna.db-journal"
    journal.write_bytes(b"left")
    with pytest.raises(BadInput, match=r"optuna\.db: was moved away without its optuna\.db-journal"):
        Ledger(tmp_path, SWEEP)
    assert list(tmp_path.iterdir()) == [journal]


def test_a_ledger_of_another_optuna_is_named_with_the_way_out(tmp_path, ledger):
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    with pytest.raises(BadInput, match=r"optuna\.db: was written by another Optuna than .*; install the version"):
        Ledger(tmp_path, SWEEP)


def test_the_value_of_a_trial_has_a_name_also_in_a_study_of_an_earlier_version(tmp_path, ledger):
    def study():
        return optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="size")

    assert study().metric_names == ["mean DSC"]
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as database, database:
        database.execute("DELETE FROM study_system_attributes")
    assert study().metric_names is None
    Ledger(tmp_path, SWEEP)
    assert study().metric_names == ["mean DSC"]
