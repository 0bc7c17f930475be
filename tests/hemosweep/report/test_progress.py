import io
from dataclasses import replace

import pytest
from rich.console import Console

from hemosweep.ablation.sweep import Arm
from hemosweep.engine.plan import Replicate
from hemosweep.report.terminal import progress
from hemosweep.report.terminal.progress import SweepDisplay, progress_bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def replicate(tiny_spec):
    """An arm of two folds of equal cost, ten epochs each."""
    folds = tuple(tiny_spec(digest=f"fold-{fold}", fold=fold, max_epochs=10) for fold in (0, 1))
    arm = Arm(name="small[0]", params={}, config=folds[0].config)
    return Replicate(arm=arm, seed=0, run_name="small[0]", fold_runs=folds)


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def lines(console):
    return [line for line in console.file.getvalue().splitlines() if line.strip()]


def epoch(number, seconds=1.0):
    return {"event": "epoch", "epoch": number, "val_loss": 0.5, "val_dsc": 0.4, "seconds": seconds}


def scores(*dsc):
    return [{"case_id": str(number), "dsc": value, "ivh": "no"} for number, value in enumerate(dsc)]


def test_where_nobody_watches_each_fold_is_one_line(clock, replicate, console):
    first, second = replicate.fold_runs
    with SweepDisplay([replicate], console) as display:
        display.fold_started(replicate, first)
        for number in range(1, 11):
            display.epoch_ended(replicate, first, epoch(number))
        clock.now += 10.0
        display.fold_ended(replicate, first, scores(0.5, 0.7), False)
        display.fold_ended(replicate, second, scores(0.8), True)
    assert lines(console) == [
        "1/2 small[0] fold 0: DSC 0.600 over 2 cases  ETA 10 s",
        "2/2 small[0] fold 1: DSC 0.800 over 1 cases, done before",
    ]


def test_before_anything_is_trained_the_eta_is_unknown(clock, replicate, console):
    with SweepDisplay([replicate], console) as display:
        display.fold_ended(replicate, replicate.fold_runs[0], scores(0.5), True)
    assert lines(console) == ["1/2 small[0] fold 0: DSC 0.500 over 1 cases, done before  ETA unknown yet"]


def test_the_eta_counts_training_by_its_pace_and_the_rest_by_the_fold(clock, replicate, console):
    first = replicate.fold_runs[0]
    with SweepDisplay([replicate], console) as display:
        display.fold_started(replicate, first)
        # Five of ten epochs, then patience: 20 seconds of training and 7 of everything else.
        for number in range(1, 6):
            display.epoch_ended(replicate, first, epoch(number, seconds=4.0))
        clock.now += 27.0
        display.fold_ended(replicate, first, scores(0.5), False)
    # The other fold may need all ten epochs: 40 seconds, and 7 of everything else.
    assert lines(console)[0].endswith("ETA 47 s")


def test_epochs_of_an_earlier_process_do_not_make_the_pace_faster(clock, replicate, console):
    first = replicate.fold_runs[0]
    with SweepDisplay([replicate], console) as display:
        display.fold_started(replicate, first)
        for number in range(1, 11):
            display.epoch_ended(replicate, first, epoch(number, seconds=4.0))
        clock.now += 5.0
        display.fold_ended(replicate, first, scores(0.5), False)
    assert lines(console)[0].endswith("ETA 40 s")


def test_fold_runs_side_by_side_halve_the_eta(clock, replicate, console):
    twin = replace(
        replicate, run_name="twin", fold_runs=tuple(replace(s, digest=f"twin-{s.fold}") for s in replicate.fold_runs)
    )
    with SweepDisplay([replicate, twin], console, num_slots=lambda: 2) as display:
        for run in (replicate, twin):
            display.fold_started(run, run.fold_runs[0])
        for run in (replicate, twin):
            for number in range(1, 11):
                display.epoch_ended(run, run.fold_runs[0], epoch(number, seconds=4.0))
        clock.now += 45.0
        for run in (replicate, twin):
            display.fold_ended(run, run.fold_runs[0], scores(0.5), False)
    # Two fold runs are left, of 40 seconds and 5 of everything else, at the same time.
    assert lines(console)[1].endswith("ETA 45 s")


def test_a_failure_is_told_with_its_reason_as_it_is(clock, replicate, console):
    with SweepDisplay([replicate], console) as display:
        display.fold_failed(replicate, replicate.fold_runs[0], "system: [Errno 28] No space left; details in a/[b]")
    assert "small[0] fold 0: failed: system: [Errno 28] No space left; details in a/[b]" in lines(console)[0]


def test_a_warning_is_one_line_as_it_is(clock, replicate, console):
    with SweepDisplay([replicate], console) as display:
        display.warn("tracking failed ([Errno 111] Connection refused); " + "training goes on " * 20)
    (line,) = lines(console)
    assert line.startswith("warning: tracking failed ([Errno 111] Connection refused); training")


def test_a_fold_without_a_defined_score_says_so(clock, replicate, console):
    with SweepDisplay([replicate], console) as display:
        display.fold_started(replicate, replicate.fold_runs[0])
        display.fold_ended(replicate, replicate.fold_runs[0], scores(None), False)
    assert "DSC undefined over 1 cases" in lines(console)[0]


def test_a_fold_that_two_arms_share_counts_in_both(clock, replicate, console):
    twin = replace(replicate, run_name="twin", fold_runs=replicate.fold_runs[:1])
    with SweepDisplay([replicate, twin], console) as display:
        for run in (replicate, twin):
            for spec in run.fold_runs:
                display.fold_ended(run, spec, scores(0.5), True)
    assert [line.split(":")[0] for line in lines(console)] == [
        "1/3 small[0] fold 0",
        "2/3 small[0] fold 1",
        "3/3 twin fold 0",
    ]


def test_on_a_terminal_the_epochs_of_the_fold_at_work_are_shown(clock, replicate):
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    with SweepDisplay([replicate], console) as display:
        display.fold_started(replicate, replicate.fold_runs[0])
        display.epoch_ended(replicate, replicate.fold_runs[0], epoch(3))
        display._progress.refresh()
    shown = console.file.getvalue()
    assert "3/10" in shown
    assert "validation loss 0.500  DSC 0.400" in shown


def test_a_progress_bar_leaves_nothing_behind(console):
    with progress_bar("preprocessing", console) as advance:
        advance(0, 3)
        advance(3, 3)
    assert lines(console) == []
