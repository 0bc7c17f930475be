"""The driver: first with a stand-in for the child process, then with real children that train tiny folds."""

import math
import shutil
import time
from dataclasses import replace

import pandas as pd
import pytest

from hemosweep.ablation.sweep import Arm, Sweep
from hemosweep.engine.driver import run_sweep
from hemosweep.engine.ledger import Ledger
from hemosweep.engine.plan import Replicate, fold_run_folder, is_done
from hemosweep.engine.tracker import describe
from hemosweep.errors import TimeIsUp
from hemosweep.executors.local import LocalExecutor
from hemosweep.executors.protocol import Ended
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.scores.table import NUMBER_COLUMNS
from hemosweep.testing.fold_runs import seal_untrained

ROW = dict.fromkeys(NUMBER_COLUMNS, 1.0) | {"ivh": "no"}
EPOCH = {"train_loss": 1.0, "val_loss": 1.0, "val_dsc": 0.5, "seconds": 1.0}
FAILURE = "out of memory: no memory for 3 GiB; details in log.txt"
DSC = {"a": 0.5, "b": 0.7, "c": 0.9, "d": 0.1}


class Calls(list):
    """Remembers calls as (method, arguments); raises where told to."""

    def __init__(self, **raising):
        self.raising = raising

    def __getattr__(self, method):
        def call(*arguments, **keywords):
            self.append((method, *arguments, *keywords.values()))
            if method in self.raising:
                raise self.raising[method]
            return f"{method} {len(self.of(method))}"

        return call

    def of(self, method):
        return [call[1:] for call in self if call[0] == method]


class Executor:
    """Children that need no time: two epochs, then the scores of the test cases. One is trained whenever asked for.

    `failing` ones fail for good, `passing` ones as often as they say.
    """

    def __init__(self, failing=(), interrupted=(), passing=None, num_slots=1):
        self.failing = failing
        self.interrupted = interrupted
        self.passing = dict(passing or {})
        self.num_slots = self.num_open = num_slots
        self.running = []
        self.trained = []
        self.most_at_once = 0
        self.killed = False

    def start(self, folder):
        self.running.append(folder)
        self.most_at_once = max(self.most_at_once, len(self.running))
        assert len(self.running) <= self.num_slots

    def wait(self, timeout_s):
        return [self.train(self.running.pop())]

    def kill(self):
        self.killed = True

    def begin(self, journal):
        journal.write("started", device="cpu")

    def train(self, folder):
        spec = FoldRunSpec.read(folder)
        self.trained.append(spec.digest)
        journal = Journal(folder / "events.jsonl")
        self.begin(journal)
        journal.write("epoch", epoch=1, **EPOCH)
        if spec.digest in self.failing:
            return Ended(folder=folder, failure=FAILURE)
        if self.passing.get(spec.digest, 0) > 0:
            self.passing[spec.digest] -= 1
            return Ended(folder=folder, failure="system: no space left", transient=True)
        if spec.digest in self.interrupted:
            raise KeyboardInterrupt
        journal.write("epoch", epoch=2, **EPOCH)
        rows = [ROW | {"case_id": case.case_id, "dsc": DSC[case.case_id], "fold": 99} for case in spec.test]
        seal_untrained(folder, rows, seconds=10.0)
        return Ended(folder=folder)


@pytest.fixture
def replicate(tiny_spec):
    """An arm of two folds: fold 0 tests a and b, fold 1 tests c and d."""

    def make(name="small", seed=0):
        folds = tuple(
            replace(
                tiny_spec(digest=f"{name}-{index}", seed=seed, fold=index),
                test=tuple(CaseInput(case_id=case_id, ivh="no", path="") for case_id in test),
            )
            for index, test in enumerate(("ab", "cd"))
        )
        arm = Arm(name=name, params={"size": name}, config=folds[0].config)
        return Replicate(arm=arm, seed=seed, run_name=name, fold_runs=folds)

    return make


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Runs replicates with a stand-in executor; returns the results and who was told what."""

    def run(replicates, executor=None, *, tracker=None, raises=None, illustrate=None, deadline=math.inf):
        executor = executor or Executor()
        told = {"ledger": Calls(), "tracker": Calls() if tracker is None else tracker, "display": Calls()}
        drawn = []

        def draw(replicate, cases):
            drawn.append((replicate.run_name, cases["case_id"].tolist()))
            return {"boxplot.png": tmp_path / "boxplot.png"}

        def go():
            infos = [describe(replicate, "size", {"metric": "1"}, {"python": "3"}) for replicate in replicates]
            options = {"executor": executor, "illustrate": illustrate or draw, "deadline": deadline}
            return run_sweep(replicates, infos, tmp_path, **options, **told)

        if raises is None:
            results = go()
        else:
            results = []
            with pytest.raises(raises):
                go()
        return results, told, executor, drawn

    return run


def test_every_fold_is_trained_and_its_scores_are_one_table_in_case_order(sweep, replicate):
    (result,), told, executor, drawn = sweep([replicate()])
    assert executor.trained == ["small-0", "small-1"]
    assert result.cases["case_id"].tolist() == ["a", "b", "c", "d"]
    assert result.cases["dsc"].tolist() == [0.5, 0.7, 0.9, 0.1]
    assert result.dsc_mean == pytest.approx(0.55)
    assert (result.seconds, result.failures) == (20.0, ())
    assert [entry[:2] for entry in told["ledger"].of("complete")] == [("begin 1", pytest.approx(0.55))]
    assert drawn == [("small", ["a", "b", "c", "d"])]


def test_the_ledger_is_told_of_the_run_and_of_each_folds_dsc_before_the_end(sweep, replicate):
    _, told, _, _ = sweep([replicate()])
    assert [call[0] for call in told["ledger"]] == [
        "begin", "run_known", "fold_done", "fold_done", "run_known", "complete"
    ]  # fmt: skip
    assert told["ledger"].of("run_known") == [("begin 1", "begin_replicate 1")] * 2
    assert told["ledger"].of("fold_done") == [("begin 1", 0, pytest.approx(0.6)), ("begin 1", 1, pytest.approx(0.5))]


def test_the_ledger_is_told_of_folds_that_were_done_before(sweep, replicate):
    sweep([replicate()])
    _, told, _, _ = sweep([replicate()])
    assert [call[1] for call in told["ledger"].of("fold_done")] == [0, 1]


def test_a_case_has_the_number_that_its_fold_has_in_this_sweep(sweep, replicate):
    # The result may have been made where the same cases were tested under another number.
    (result,), told, _, _ = sweep([replicate()])
    assert result.cases["fold"].tolist() == [0, 0, 1, 1]
    assert [[row["fold"] for row in call[2]] for call in told["display"].of("fold_ended")] == [[0, 0], [1, 1]]


def test_a_case_has_the_ivh_label_that_the_data_set_gives_it_now(sweep, replicate):
    sweep([replicate()])
    corrected = tuple(
        replace(spec, test=tuple(replace(case, ivh="yes") for case in spec.test)) for spec in replicate().fold_runs
    )
    (result,), _, executor, _ = sweep([replace(replicate(), fold_runs=corrected)])
    assert executor.trained == []
    assert result.cases["ivh"].tolist() == ["yes"] * 4


def test_cases_that_a_region_has_no_voxel_of_are_warned_of_once_a_fold(sweep, replicate):
    class Sparse(Executor):
        def begin(self, journal):
            super().begin(journal)
            for case_id in "abab":
                journal.write("empty_region", case_id=case_id, regions=["lesion_border"])

    _, told, _, _ = sweep([replicate()], Sparse())
    warnings = [text for (text,) in told["display"].of("warn")]
    assert [warning.split(": ")[0] for warning in warnings] == ["small fold 0", "small fold 1"]
    assert all("2 cases (a, ...) have no voxel to draw from in lesion_border" in warning for warning in warnings)


def test_the_run_counts_the_cases_that_a_region_has_no_voxel_of(sweep, replicate):
    class Sparse(Executor):
        def begin(self, journal):
            super().begin(journal)
            journal.write("empty_region", case_id="a", regions=["lesion_border"])
            journal.write("empty_region", case_id="b", regions=["lesion_border", "brain_center"])

    _, told, _, _ = sweep([replicate()], Sparse())
    ((_, _, _, tags, _),) = told["tracker"].of("finish_replicate")
    # Cases a and b train, and c validates, in both folds.
    assert tags["empty_regions"] == (
        "brain_center, lesion_border: 1 of 3 cases, whose negatives are all of brain; lesion_border: 1 of 3 cases"
    )


def test_what_a_process_had_to_do_to_go_on_is_warned_of(sweep, replicate):
    class Mended(Executor):
        def train(self, folder):
            journal = Journal(folder / "events.jsonl")
            journal.write("batch_halved", micro_batch=8, epoch=1)  # In a process before this one's.
            ended = super().train(folder)
            reason = "checkpoint.pt is damaged (EOFError)"
            journal.write("checkpoint_unreadable", reason=reason, kept_as="unreadable-checkpoint.pt")
            for size in (2, 1):
                journal.write("batch_halved", micro_batch=size, epoch=1)
            return ended

    _, told, _, _ = sweep([replicate()], Mended())
    assert [text for (text,) in told["display"].of("warn")][:2] == [
        "small fold 0: checkpoint.pt is damaged (EOFError); it is kept as unreadable-checkpoint.pt, and training began "
        "anew",
        "small fold 0: memory ran out, so gradients were added up over 1 patches at a time instead of 4; batch "
        "normalisation and soft Dice are those of 1",
    ]


def test_the_tracker_is_told_of_every_fold_and_of_the_end(sweep, replicate, tmp_path):
    _, told, _, _ = sweep([replicate()])
    tracker = told["tracker"]
    info, folders = tracker.of("begin_replicate")[0]
    assert folders == {name: tmp_path / "fold_runs" / name for name in ("small-0", "small-1")}
    assert (info.sweep, info.arm, info.seed, info.run_name) == ("size", "small", 0, "small")
    assert (info.digest, info.config["network"]["width"]) == (replicate().digest, 2)
    assert (info.tags, info.environment) == ({"metric": "1"}, {"python": "3"})
    # Each fold as it ends, and all of them again at the end, for what an outage in between left out.
    assert tracker.of("record_fold") == [
        ("begin_replicate 1", fold, f"small-{fold}", tmp_path / "fold_runs" / f"small-{fold}")
        for _ in range(2)
        for fold in (0, 1)
    ]
    ((run_id, cases, figures, tags, status),) = tracker.of("finish_replicate")
    assert (run_id, tags, status) == ("begin_replicate 1", {"device_kind": "cpu"}, "FINISHED")
    assert len(cases) == 4
    assert figures == {"boxplot.png": tmp_path / "boxplot.png"}


def test_the_display_hears_of_each_epoch_once(sweep, replicate):
    _, told, _, _ = sweep([replicate()])
    display = told["display"]
    assert [(spec.fold, event["epoch"]) for _, spec, event in display.of("epoch_ended")] == [
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    ]
    assert [spec.fold for _, spec in display.of("fold_started")] == [0, 1]
    assert [reused for *_, reused in display.of("fold_ended")] == [False, False]


def test_a_done_fold_is_not_trained_again(sweep, replicate):
    first = sweep([replicate()])[0][0]
    (second,), told, executor, _ = sweep([replicate()])
    assert executor.trained == []
    assert second.cases.equals(first.cases)
    assert [reused for *_, reused in told["display"].of("fold_ended")] == [True, True]
    assert told["display"].of("fold_started") == []
    assert {call[1] for call in told["tracker"].of("record_fold")} == {0, 1}


def test_a_fold_run_that_two_arms_share_is_trained_once(sweep, replicate):
    twin = replace(replicate(), arm=replace(replicate().arm, name="twin"), run_name="twin")
    results, _, executor, _ = sweep([replicate(), twin])
    assert executor.trained == ["small-0", "small-1"]
    assert results[0].cases.equals(results[1].cases)


def test_a_failed_fold_leaves_its_replicate_incomplete_and_the_others_go_on(sweep, replicate):
    results, told, executor, drawn = sweep([replicate("small"), replicate("large")], Executor(failing={"small-0"}))
    assert executor.trained == ["small-0", "small-1", "large-0", "large-1"]
    small, large = results
    assert small.failures == (f"small fold 0: {FAILURE}",)
    assert small.cases["case_id"].tolist() == ["c", "d"]
    assert (large.failures, len(large.cases)) == ((), 4)
    assert [number for number, _ in told["ledger"].of("fail")] == ["begin 1"]
    assert [number for number, *_ in told["ledger"].of("complete")] == ["begin 2"]
    assert [call[-1] for call in told["tracker"].of("finish_replicate")] == ["FAILED", "FINISHED"]
    assert [(spec.fold, text) for _, spec, text in told["display"].of("fold_failed")] == [(0, FAILURE)]
    assert [name for name, _ in drawn] == ["large"]


def test_the_next_fold_run_is_trained_while_the_last_one_is_recorded_and_drawn(sweep, replicate):
    executor = Executor()
    running = []

    def draw(replicate, cases):
        running.append((replicate.run_name, [folder.name.split("-")[0] for folder in executor.running]))
        return {}

    sweep([replicate("small"), replicate("large")], executor, illustrate=draw)
    assert running == [("small", ["large"]), ("large", [])]


def test_what_is_done_already_does_not_hold_up_what_is_to_be_trained(sweep, replicate):
    names = ["small", "middle", "large"]
    sweep([replicate(name) for name in names[:2]])
    executor = Executor()
    trained_before = {}

    def draw(replicate, cases):
        trained_before[replicate.run_name] = list(executor.trained)
        return {}

    results, told, _, _ = sweep([replicate(name) for name in names], executor, illustrate=draw)
    assert trained_before["small"][0] == "large-0"
    assert executor.trained == ["large-0", "large-1"]
    assert [result.replicate.run_name for result in results] == names
    # In the order of the arms, as ever.
    assert [replicate.run_name for replicate, *_ in told["ledger"].of("begin")] == names


def test_a_failure_that_may_pass_is_tried_again_and_said(sweep, replicate):
    (result,), told, executor, _ = sweep([replicate()], Executor(passing={"small-0": 2}))
    assert executor.trained == ["small-0"] * 3 + ["small-1"]
    assert (result.failures, len(result.cases)) == ((), 4)
    assert [text for (text,) in told["display"].of("warn")] == [
        "small fold 0: system: no space left; trying again (2 of 3)",
        "small fold 0: system: no space left; trying again (3 of 3)",
    ]
    assert [spec.fold for _, spec in told["display"].of("fold_started")] == [0, 1]
    assert len(told["ledger"].of("begin")) == 1


def test_a_failure_that_does_not_pass_is_given_up_after_three_attempts(sweep, replicate):
    (result,), told, executor, _ = sweep([replicate()], Executor(passing={"small-0": 9}))
    assert executor.trained == ["small-0"] * 3 + ["small-1"]
    assert result.failures == ("small fold 0: system: no space left",)
    assert len(told["display"].of("fold_failed")) == 1


def test_attempts_that_each_bring_an_epoch_are_not_given_up(sweep, replicate):
    class Preempted(Executor):
        def begin(self, journal):
            super().begin(journal)
            journal.write("epoch", epoch=10 + len(self.trained), **EPOCH)

    (result,), _, executor, _ = sweep([replicate()], Preempted(passing={"small-0": 5}))
    assert executor.trained == ["small-0"] * 6 + ["small-1"]
    assert result.failures == ()


class Pausable(Executor):
    """Trains for as long as it is not asked to pause; what ended by itself before that is done."""

    def __init__(self, ends_by_itself=(), **options):
        super().__init__(**options)
        self.ends_by_itself = ends_by_itself
        self.paused = False

    def pause(self):
        self.paused = True

    def wait(self, timeout_s):
        for folder in self.running:
            if self.paused or FoldRunSpec.read(folder).digest in self.ends_by_itself:
                self.running.remove(folder)
                done = not self.paused
                return [self.train(folder) if done else Ended(folder=folder, failure="asked to stop", paused=True)]
        time.sleep(0.01)
        return []


def test_at_the_deadline_what_runs_is_paused_and_nothing_else_is_begun(sweep, replicate):
    executor = Pausable(ends_by_itself={"small-0"})
    deadline = time.monotonic() + 0.3
    _, told, _, _ = sweep([replicate(), replicate("large")], executor, raises=TimeIsUp, deadline=deadline)
    assert executor.paused
    assert executor.trained == ["small-0"]
    assert [spec.digest for _, spec in told["display"].of("fold_started")] == ["small-0", "small-1"]
    assert told["display"].of("fold_failed") == []
    assert told["ledger"].of("fail") == []
    assert told["tracker"].of("interrupt") == [()]
    (result, _), _, executor, _ = sweep([replicate(), replicate("large")])
    assert executor.trained == ["small-1", "large-0", "large-1"]
    assert len(result.cases) == 4


def test_after_the_deadline_what_is_done_still_counts_and_what_is_not_is_not_begun(sweep, replicate):
    sweep([replicate()])
    past = time.monotonic() - 1.0
    (result,), _, executor, _ = sweep([replicate()], deadline=past)
    assert (executor.trained, len(result.cases)) == ([], 4)
    _, told, executor, _ = sweep([replicate(), replicate("large")], raises=TimeIsUp, deadline=past)
    assert executor.trained == []
    assert len(told["tracker"].of("finish_replicate")) == 1


def test_slots_are_filled_in_the_order_of_the_arms_and_the_results_stay_in_it(sweep, replicate):
    names = ["small", "middle", "large"]
    results, told, executor, _ = sweep([replicate(name) for name in names], Executor(num_slots=4))
    assert executor.most_at_once == 4
    assert [(r.run_name, spec.fold) for r, spec in told["display"].of("fold_started")][:4] == [
        ("small", 0),
        ("small", 1),
        ("middle", 0),
        ("middle", 1),
    ]
    assert sorted(executor.trained) == sorted(f"{name}-{fold}" for name in names for fold in (0, 1))
    assert [result.replicate.run_name for result in results] == names
    assert all(result.dsc_mean == pytest.approx(0.55) for result in results)


def test_a_fold_run_that_two_arms_share_is_never_trained_twice_at_once(sweep, replicate):
    twin = replace(replicate(), arm=replace(replicate().arm, name="twin"), run_name="twin")
    results, _, executor, _ = sweep([replicate(), twin], Executor(num_slots=4))
    assert sorted(executor.trained) == ["small-0", "small-1"]
    assert results[0].cases.equals(results[1].cases)


def test_the_ledger_is_told_what_each_fold_took_before_and_after_in_this_sweep_and_earlier_ones(sweep, replicate):
    _, first, _, _ = sweep([replicate()], Executor(failing={"small-0"}, passing={"small-1": 1}))
    _, second, _, _ = sweep([replicate()])
    ((_, nothing),) = first["ledger"].of("begin")
    ((_, failed),) = first["ledger"].of("fail")
    ((_, before),) = second["ledger"].of("begin")
    ((_, _, complete),) = second["ledger"].of("complete")
    assert before == failed
    told = [[(e.fold, e.digest, e.num_attempts) for e in efforts] for efforts in (nothing, failed, complete)]
    assert told == [
        [(0, "small-0", 0), (1, "small-1", 0)],
        [(0, "small-0", 1), (1, "small-1", 2)],
        [(0, "small-0", 2), (1, "small-1", 2)],
    ]
    assert [effort.seconds for effort in nothing] == [0.0, 0.0]
    assert complete[0].seconds > failed[0].seconds > 0.0
    assert complete[1] == failed[1]


def test_the_failed_fold_alone_is_trained_by_the_next_sweep(sweep, replicate):
    sweep([replicate()], Executor(failing={"small-0"}))
    (result,), told, executor, _ = sweep([replicate()])
    assert executor.trained == ["small-0"]
    assert (result.failures, len(result.cases)) == ((), 4)
    assert told["ledger"].of("complete")


def test_a_replicate_without_any_result_has_no_mean(sweep, replicate):
    (result,), told, _, _ = sweep([replicate()], Executor(failing={"small-0", "small-1"}))
    assert (result.dsc_mean, len(result.cases), result.seconds) == (None, 0, 0.0)
    assert len(result.failures) == 2
    assert told["ledger"].of("complete") == []


@pytest.mark.parametrize("method", ["begin_replicate", "record_fold", "finish_replicate"])
def test_a_tracker_that_raises_never_stops_training_and_is_warned_of_once(sweep, replicate, method):
    tracker = Calls(**{method: ConnectionError("no route to host\nand a stack of details")})
    results, told, executor, _ = sweep([replicate("small"), replicate("large")], tracker=tracker)
    assert executor.trained == ["small-0", "small-1", "large-0", "large-1"]
    assert [result.failures for result in results] == [(), ()]
    assert told["display"].of("warn") == [
        ("tracking failed (no route to host); training goes on, and is recorded later",)
    ]
    assert [result.run_id for result in results] == [None, None]
    assert len(told["ledger"].of("complete")) == 2


def test_what_an_outage_left_out_is_recorded_at_the_end(sweep, replicate):
    class Back(Calls):
        """A tracker that fails until the first replicate is over."""

        def finish_replicate(self, *arguments, **named):
            super().__getattr__("finish_replicate")(*arguments, **named)
            if len(self.of("finish_replicate")) == 1:
                raise ConnectionError("away")

    tracker = Back()
    results, *_ = sweep([replicate("small"), replicate("large")], tracker=tracker)
    assert len(tracker.of("begin_replicate")) == 3, "once more for the first, whose run may be gone"
    assert len(tracker.of("finish_replicate")) == 3
    assert all(result.run_id is not None for result in results)


def test_a_figure_that_cannot_be_drawn_costs_no_result(sweep, replicate):
    def draw(replicate, cases):
        raise OSError("the share is gone")

    (result,), told, *_ = sweep([replicate()], illustrate=draw)
    assert result.run_id is not None
    assert told["display"].of("warn") == [("no figures of small (the share is gone)",)]


def test_without_a_tracker_the_result_has_no_run(sweep, replicate):
    (result,), *_ = sweep([replicate()], tracker=Calls(begin_replicate=ConnectionError()))
    assert result.run_id is None


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_told_to_the_tracker_and_raised_on(sweep, replicate, stopped):
    class Stopped(Executor):
        def train(self, folder):
            self.trained.append(folder.name)
            raise stopped

    _, told, executor, _ = sweep([replicate("small"), replicate("large")], Stopped(), raises=stopped)
    assert executor.trained == ["small-0"]
    assert executor.killed
    assert told["tracker"].of("interrupt") == [()]
    assert told["tracker"].of("finish_replicate") == []
    assert told["ledger"].of("fail") == [], "the trial stays open and is gone on with"


def test_an_arm_whose_fold_runs_are_done_is_recorded_though_its_drawing_is_interrupted(sweep, replicate):
    def draw(replicate, cases):
        raise KeyboardInterrupt

    _, told, *_ = sweep([replicate("small"), replicate("large")], illustrate=draw, raises=KeyboardInterrupt)
    ((run_id, _, figures, _, status),) = told["tracker"].of("finish_replicate")
    assert (run_id, figures, status) == ("begin_replicate 1", {}, "FINISHED")
    assert len(told["ledger"].of("complete")) == 1


def test_an_interrupt_keeps_what_is_done(sweep, replicate):
    sweep([replicate()], Executor(interrupted={"small-1"}), raises=KeyboardInterrupt)
    (result,), _, executor, _ = sweep([replicate()])
    assert executor.trained == ["small-1"]
    assert len(result.cases) == 4


def test_a_replicate_whose_every_score_is_undefined_is_no_failure_and_has_no_value(sweep, replicate, monkeypatch):
    for case_id in DSC:
        monkeypatch.setitem(DSC, case_id, None)
    (result,), told, _, _ = sweep([replicate()])
    assert (result.dsc_mean, result.failures) == (None, ())
    assert [call[-1] for call in told["tracker"].of("finish_replicate")] == ["FINISHED"]
    assert told["ledger"].of("complete") == []
    assert told["ledger"].of("fold_done") == [("begin 1", 0, None), ("begin 1", 1, None)]


SWEEP = Sweep(
    name="size",
    question="Which size?",
    space={"size": ("small", "large")},
    arm_name=lambda params: params["size"],
    configure=lambda base, params: replace(base, network=replace(base.network, se=params["size"] == "large")),
    baseline="small",
    comparisons=(),
)


@pytest.fixture(scope="module")
def real(tmp_path_factory, tiny_spec, one_processor):
    """Real children: `small` has a fold whose input is lost and one that works, which `large` shares."""
    out = tmp_path_factory.mktemp("runs")
    lost = CaseInput(case_id="a", ivh="no", path=str(out / "lost.npz"))
    broken = replace(tiny_spec(digest="broken", fold=0, test="ab", train="de", max_epochs=1), validation=(lost,))
    works = tiny_spec(digest="works", fold=1, max_epochs=1)
    arms = SWEEP.arms(works.config)
    replicates = [
        Replicate(arm=arms[0], seed=0, run_name="small", fold_runs=(broken, works)),
        Replicate(arm=arms[1], seed=0, run_name="large", fold_runs=(works,)),
    ]
    told = {"ledger": Ledger(out, SWEEP), "tracker": Calls(begin_replicate=ConnectionError()), "display": Calls()}
    infos = [describe(replicate, "size", {}, {}) for replicate in replicates]
    results = run_sweep(replicates, infos, out, executor=LocalExecutor(), illustrate=lambda *_: {}, **told)
    return out, replicates, results, told


@pytest.mark.slow
def test_a_real_child_trains_a_fold_and_another_one_fails_on_its_data(real):
    out, (small, _), (first, second), told = real
    broken, works = small.fold_runs
    assert not is_done(out, broken)
    assert is_done(out, works)
    (failure,) = first.failures
    assert failure.startswith("small fold 0: data: ")
    assert "lost.npz" in failure
    assert failure.endswith(f"details in {fold_run_folder(out, broken) / 'log.txt'}")
    assert "Traceback" in (fold_run_folder(out, broken) / "log.txt").read_text()
    for result in (first, second):
        assert result.cases["case_id"].tolist() == ["d", "e"]
        assert result.cases["fold"].tolist() == [1, 1]
        assert all(0.0 <= dsc <= 1.0 for dsc in result.cases["dsc"])
    assert second.failures == ()
    assert len(told["display"].of("warn")) == 1


@pytest.mark.slow
def test_a_real_child_trained_the_shared_fold_once(real):
    out, (small, _), _, told = real
    started = [event for event in read_journal(fold_run_folder(out, small.fold_runs[1]) / "events.jsonl")]
    assert [event["event"] for event in started].count("started") == 1
    assert [reused for *_, reused in told["display"].of("fold_ended")] == [False, True]


@pytest.mark.slow
def test_the_ledger_holds_the_incomplete_replicate_as_failed_and_the_other_with_its_mean(real):
    import optuna

    out, _, (_, second), _ = real
    trials = optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="size").get_trials()
    assert [(trial.params["size"], trial.state.name, trial.value) for trial in trials] == [
        ("small", "FAIL", None),
        ("large", "COMPLETE", second.dsc_mean),
    ]
    assert [set(trial.intermediate_values) for trial in trials] == [{1}, {1}]
    assert trials[1].intermediate_values[1] == pytest.approx(second.dsc_mean)


@pytest.mark.slow
def test_a_real_fold_run_may_be_moved_to_another_machine_with_its_folder(real, tmp_path):
    out, (_, large), (_, second), _ = real
    moved = shutil.copytree(out, tmp_path / "moved")
    told = {"ledger": Calls(), "tracker": Calls(), "display": Calls()}
    infos = [describe(large, "size", {}, {})]
    (result,) = run_sweep([large], infos, moved, executor=LocalExecutor(), illustrate=lambda *_: {}, **told)
    assert isinstance(result.cases, pd.DataFrame)
    assert result.cases.equals(second.cases)
