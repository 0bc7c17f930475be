"""The references that name a run of a store. What every store must do is in `hemosweep.testing.stores`."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import find_replicates, find_run
from tests.recorded import MIDDLE, SMALL, cases, in_memory


def test_a_run_that_is_whole_goes_before_a_newer_one_that_is_not():
    store = in_memory({"s/a@0": cases(SMALL)})
    (whole,) = store.runs
    later = [
        replace(whole, run_id=f"{number:032x}", start_time=whole.start_time + timedelta(seconds=number), **changes)
        for number, changes in enumerate(
            ({"status": "KILLED"}, {"tags": whole.tags | {"hemosweep.subset": "folds 0 of 2 only"}}), start=1
        )
    ]
    found = find_run(replace(store, runs=(whole, *later)), "s/a@0")
    assert found.run_id == whole.run_id
    assert [run.run_id for run in found.others] == [run.run_id for run in later]
    assert found.about_others == (
        f"2 other runs are named s/a@0 too; took {whole.run_id[:8]}, since of the newer 00000000 is KILLED, "
        "00000000 has folds 0 of 2 only (hemosweep runs)"
    )


def test_an_arm_stands_for_the_newest_run_of_each_seed():
    runs = in_memory({"s/a@1": cases(SMALL), "s/a@0": cases(MIDDLE)})
    assert [run.seed for run in find_replicates(runs, "s/a")] == [0, 1]
    assert [run.seed for run in find_replicates(runs, "s/a@1")] == [1]
    with pytest.raises(BadInput, match=r"'s/a' means 2 runs: s/a@1 .*, s/a@0"):
        find_run(runs, "s/a")
