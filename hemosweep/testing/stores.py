"""Duties of every store of runs, as tests that its author runs on it."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import FINISHED, CachedStore, RunStore, find_run

CASE_IDS = tuple(f"{number:03}" for number in range(1, 9))
"""Text, though they look like numbers."""
SCORES: dict[str, tuple[float | None, ...]] = {
    "loss/focal@0": (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85),
    "loss/dice_ce@0": (0.55, None, 0.68, 0.66, 0.76, 0.78, 0.89, 0.83),
    "se/unet@1": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0),
}
"""DSC of the cases in their order, by SWEEP/ARM@SEED, the oldest run first; None is undefined."""
FACTS = {"profile": "demo", "dataset_digest": "data"}
"""Facts that all of the runs have."""


class StoreContract:
    """Tests of a store that holds three finished runs.

        class TestMine(StoreContract):
            def store(self, folder):
                for name, scores in SCORES.items():
                    ...  # write a run with the cases `case_rows(scores)`, `FACTS` and `config(name)`
                return Mine(folder)

    The runs have no folds. How they are written is the store's own affair.
    """

    def store(self, folder: Path) -> RunStore:
        """The store under test, filled; the folder is empty, for its files."""
        raise NotImplementedError("fill your store, and return it")

    @pytest.fixture
    def filled(self, tmp_path: Path) -> RunStore:
        """The store."""
        folder = tmp_path / "runs"
        folder.mkdir()
        return self.store(folder)

    def test_it_lists_its_runs_oldest_first(self, filled: RunStore) -> None:
        runs = filled.list_runs()
        assert [run.full_name for run in runs] == list(SCORES)
        assert [run.start_time for run in runs] == sorted(run.start_time for run in runs)
        assert all(run.start_time.tzinfo is not None for run in runs)
        assert all(run.is_finished and run.status == FINISHED for run in runs)

    def test_it_lists_the_runs_of_one_sweep(self, filled: RunStore) -> None:
        assert [run.arm for run in filled.list_runs("loss")] == ["focal", "dice_ce"]
        assert [(run.arm, run.seed) for run in filled.list_runs("se")] == [("unet", 1)]

    def test_its_runs_have_ids_of_their_own(self, filled: RunStore) -> None:
        ids = [run.run_id for run in filled.list_runs()]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[0-9a-f]{6,32}", run_id) for run_id in ids)

    def test_it_names_the_sweeps_that_it_has(self, filled: RunStore) -> None:
        with pytest.raises(BadInput, match=r"has no runs of sweep 'lose'; it has loss, se$") as refused:
            filled.list_runs("lose")
        assert filled.place in str(refused.value)

    def test_it_gives_each_run_s_cases(self, filled: RunStore) -> None:
        for run, scores in zip(filled.list_runs(), SCORES.values(), strict=True):
            rows = filled.case_rows(run.run_id)
            assert [(row["case_id"], row["dsc"]) for row in rows] == list(zip(CASE_IDS, scores, strict=True))

    def test_what_is_undefined_is_none(self, filled: RunStore) -> None:
        for run in filled.list_runs():
            values = [value for row in filled.case_rows(run.run_id) for value in row.values()]
            assert not any(isinstance(value, float) and math.isnan(value) for value in values)

    def test_it_says_that_a_run_has_no_case_table(self, filled: RunStore) -> None:
        with pytest.raises(BadInput, match="run ffffff has no case table"):
            filled.case_rows("ffffff")

    def test_it_gives_each_run_s_facts_and_configuration(self, filled: RunStore) -> None:
        for run in filled.list_runs():
            assert {name: run.fact(name) for name in FACTS} == FACTS
            assert (run.fact("subset"), run.subset) == (None, None)
            assert filled.config(run.run_id) == config(run.full_name)
        assert filled.config("no such run") is None

    def test_its_folds_are_those_of_its_runs(self, filled: RunStore) -> None:
        folds = filled.list_folds()
        for run in filled.list_runs():
            assert tuple(folds.get(run.run_id, ())) == ()

    def test_a_reference_is_an_id_the_begin_of_one_a_name_or_a_path(self, filled: RunStore) -> None:
        run = filled.list_runs()[2]
        for reference in (run.run_id, "unet@1", "se/unet", "se/unet@1"):
            assert find_run(filled, reference).run_id == run.run_id
        with pytest.raises(BadInput, match=r"no run 'se/unte'; nearest: .*se/unet@1"):
            find_run(filled, "se/unte")

    def test_it_answers_the_same_question_alike(self, filled: RunStore) -> None:
        run = filled.list_runs()[0]
        assert list(filled.list_runs()) == list(filled.list_runs())
        assert filled.case_rows(run.run_id) == filled.case_rows(run.run_id)

    def test_a_cached_store_answers_as_it_did_when_it_was_first_asked(self, filled: RunStore) -> None:
        cached = CachedStore(filled)
        runs = cached.list_runs()
        assert [run.full_name for run in runs] == list(SCORES)
        assert cached.list_runs() is runs
        assert cached.case_rows(runs[0].run_id) is cached.case_rows(runs[0].run_id)
        assert [run.arm for run in cached.list_runs("se")] == ["unet"]
        with pytest.raises(BadInput, match="has no runs of sweep 'lose'"):
            cached.list_runs("lose")


def case_rows(scores: tuple[float | None, ...]) -> list[dict[str, Any]]:
    """Case table of a run: two folds, the first four cases with IVH."""
    return [
        {"case_id": case_id, "fold": place % 2, "ivh": "yes" if place < 4 else "no", "dsc": dsc}
        for place, (case_id, dsc) in enumerate(zip(CASE_IDS, scores, strict=True))
    ]


def config(name: str) -> dict[str, Any]:
    """Configuration of a run: what a store keeps, whatever it says."""
    return {"arm": name, "training": {"max_epochs": 5, "loss": {"type": "hemosweep.model.losses.dice_ce.DiceCE"}}}
