"""Duties of every executor, as tests that its author runs on it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from hemosweep.executors.protocol import Ended, Executor
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.lock import LOCK_NAME, holder
from hemosweep.foldrun.spec import DONE_NAME, JOURNAL_NAME, SCORES_NAME, SPEC_NAME
from hemosweep.testing.fold_runs import write_fold_run
from hemosweep.training.fold_run import run_fold
from hemosweep.training.scoring import Scoring

_LONG = 100_000
"""Epochs of a fold run that does not end by itself."""


class ExecutorContract:
    """Tests of an executor on real fold runs, which train in milliseconds.

        class TestMine(ExecutorContract):
            def executor(self):
                return EXECUTOR.open(self.out, address="", num_folds=2)

    `out` is the output folder of a test. `timeout_s` is the time that the executor may take to start or end a fold run.
    """

    out: Path
    timeout_s: float = 240.0

    def executor(self) -> AbstractContextManager[Executor]:
        """Context with the executor under test."""
        raise NotImplementedError("return a context with your executor")

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Executor]:
        """The executor, whose fold runs are killed at the end."""
        self.out = tmp_path / "runs"
        self.out.mkdir()
        with self.executor() as executor:
            yield executor
            executor.kill()

    def test_it_has_a_slot_and_keeps_no_fewer_fold_runs_open_than_it_has_slots(self, opened: Executor) -> None:
        assert opened.num_slots >= 1
        assert opened.num_open >= opened.num_slots

    def test_a_fold_run_ends_with_the_scores_of_one_trained_in_this_process(self, opened: Executor) -> None:
        folder = self._fold_run("fold-run")
        opened.start(folder)
        (ended,) = self._ends(opened)
        assert (ended.folder, ended.failure, ended.paused) == (folder, None, False)
        here = self.out / "here" / "fold-run"
        spec = write_fold_run(here)
        run_fold(spec, here, Journal(here / JOURNAL_NAME), Scoring.of(spec, here))
        assert (folder / SCORES_NAME).read_bytes() == (here / SCORES_NAME).read_bytes()
        assert (folder / DONE_NAME).is_file()
        assert _events(folder).count("done") == 1

    def test_a_failure_is_one_line_with_its_reason_and_is_not_worth_another_try(self, opened: Executor) -> None:
        folder = self._fold_run("broken")
        spec = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
        spec["train"][0]["path"] = str(folder / "lost.npz")
        (folder / SPEC_NAME).write_text(json.dumps(spec), encoding="utf-8")
        opened.start(folder)
        (ended,) = self._ends(opened)
        assert ended.folder == folder
        assert ended.failure is not None
        assert "lost.npz" in ended.failure
        assert len(ended.failure.splitlines()) == 1
        assert not ended.transient
        assert not ended.paused

    def test_as_many_fold_runs_as_may_be_open_end_once_each_and_their_slots_are_used_again(
        self, opened: Executor
    ) -> None:
        number = min(opened.num_open, 3)
        for turn in ("first", "second"):
            folders = {self._fold_run(f"{turn}-{index}") for index in range(number)}
            for folder in sorted(folders):
                opened.start(folder)
            ended = self._ends(opened, number)
            assert sorted(end.folder for end in ended) == sorted(folders)
            assert [end.failure for end in ended] == [None] * number
        assert all(_events(self.out / f"first-{index}").count("done") == 1 for index in range(number))

    def test_a_killed_fold_run_is_over_at_once_and_goes_on_from_its_last_epoch(self, opened: Executor) -> None:
        folder = self._fold_run("long", max_epochs=_LONG, patience=_LONG)
        opened.start(folder)
        self._train(folder)
        opened.kill()
        assert holder(folder / LOCK_NAME) is None, "a process still works on it"
        before = _num_epochs(folder)
        time.sleep(0.5)
        assert _num_epochs(folder) == before
        opened.start(folder)
        self._wait_for(lambda: _num_epochs(folder) > before, "another epoch")
        assert _events(folder).count("started") == 2
        assert _events(folder).count("resumed") == 1

    def test_a_paused_fold_run_stops_where_nothing_is_lost(self, opened: Executor) -> None:
        folder = self._fold_run("long", max_epochs=_LONG, patience=_LONG)
        opened.start(folder)
        self._train(folder)
        opened.pause()
        (ended,) = self._ends(opened)
        assert (ended.folder, ended.paused) == (folder, True)
        assert _events(folder)[-1] == "paused"
        assert holder(folder / LOCK_NAME) is None, "a process still works on it"

    def test_waiting_ends_with_the_time(self, opened: Executor) -> None:
        opened.start(self._fold_run("long", max_epochs=_LONG, patience=_LONG))
        begun = time.monotonic()
        assert list(opened.wait(0.2)) == []
        assert 0.1 < time.monotonic() - begun < 5.0

    def _fold_run(self, name: str, **training: Any) -> Path:
        folder = self.out / name
        write_fold_run(folder, **training)
        return folder

    def _ends(self, executor: Executor, number: int = 1) -> list[Ended]:
        """The next so many fold runs that end."""
        ended: list[Ended] = []
        deadline = time.monotonic() + self.timeout_s
        while len(ended) < number:
            assert time.monotonic() < deadline, f"{len(ended)} of {number} ended within {self.timeout_s:.0f} s"
            ended += executor.wait(1.0)
        assert len(ended) == number, "a fold run ended twice"
        return ended

    def _train(self, folder: Path) -> None:
        self._wait_for(lambda: _num_epochs(folder) > 2, "three epochs")

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {self.timeout_s:.0f} s"
            time.sleep(0.01)


def _events(folder: Path) -> list[str]:
    return [event["event"] for event in read_journal(folder / JOURNAL_NAME)]


def _num_epochs(folder: Path) -> int:
    return _events(folder).count("epoch")
