"""`run_sweep` and its steps in this process, with real trainings of two epochs on four phantoms.

The lines of the README, which the fast tests run (`tests/test_python_api.py`), train by the same function.
"""

from dataclasses import replace

import pytest

from hemosweep.engine.results import ReplicateResult
from hemosweep.errors import BadInput
from hemosweep.runs import find_run
from hemosweep.sweeps import base
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.plan import plan_sweep
from hemosweep.workflows.sweep import run_sweep
from hemosweep.workflows.sweeping.runs import case_rows, sweep_runs


@pytest.fixture(scope="module")
def short_demo():
    """The demo's profile with two epochs and four phantoms."""
    demo = base.demo()
    config = replace(demo.config, training=replace(demo.config.training, max_epochs=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(base.PROFILES, "demo", lambda: replace(demo, phantom_cases=4, config=config))
        yield


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return SweepOptions(name="se", folds=2, out=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def result(short_demo, options):
    return run_sweep(options)


@pytest.mark.slow
def test_both_arms_are_trained_recorded_and_compared(result, options):
    assert result.failures == ()
    assert [row.arm for row in result.arms] == ["unet", "se_unet"]
    store = MlflowStore(options.out)
    assert {run.arm: run.run_id for run in store.list_runs("se")} == dict(result.run_ids)
    (row,) = result.as_json()["comparisons"]
    assert (row["a"], row["b"], row["n"]) == ("unet", "se_unet", 4)
    rows = store.case_rows(find_run(store, "se/unet").run_id)
    assert [(row["case_id"], row["patient_id"]) for row in rows] == [(f"sub-00{n}", f"sub-00{n}") for n in range(1, 5)]


@pytest.mark.slow
def test_the_lines_hold_both_tables_the_verdict_and_the_next_commands(result):
    lines = result.as_lines()
    assert any(line.startswith("unet to se_unet: ") for line in lines)
    assert any("compare-all se" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert any("\x1b" in line for line in result.as_lines(styled=True))


@pytest.mark.slow
def test_the_same_call_again_trains_nothing_and_says_the_same(result, options, short_demo):
    forecast = plan_sweep(options)
    assert (forecast.num_fold_runs, forecast.num_done) == (4, 4)
    assert run_sweep(options).as_json() == result.as_json()


def test_a_name_that_is_none_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(BadInput, match="unknown sweep 'patchsizes'"):
        run_sweep(SweepOptions(name="patchsizes", out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_runs_of_a_sweep_that_failed_or_that_nobody_described_are_not_compared(result, options, tmp_path):
    import pandas as pd

    table = pd.DataFrame({"case_id": ["a"], "dsc": [float("nan")]})
    failed = ReplicateResult(replicate=None, run_id=None, cases=table, seconds=0.0, failures=("fold 0",))
    assert sweep_runs(tmp_path, [failed, replace(failed, failures=())]).list_runs() == []
    assert case_rows(failed) == [{"case_id": "a", "dsc": None}]
