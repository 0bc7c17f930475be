import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from hemosweep.ablation.sweep import Arm
from hemosweep.activity import present
from hemosweep.engine.plan import Replicate
from hemosweep.executors.machine import GpuMemory
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


def test_what_was_done_before_is_not_in_the_eta_wherever_it_stands(clock, tiny_spec, replicate, console):
    folds = tuple(tiny_spec(digest=f"fold-{fold}", fold=fold, max_epochs=10) for fold in range(5))
    five = replace(replicate, fold_runs=folds)
    with SweepDisplay([five], console, is_settled=lambda spec: spec.fold in (0, 3, 4)) as display:
        display.fold_ended(five, folds[0], scores(0.8), True)
        display.fold_started(five, folds[1])
        for number in range(1, 11):
            display.epoch_ended(five, folds[1], epoch(number))
        clock.now += 12.0
        display.fold_ended(five, folds[1], scores(0.5), False)
    # Of five only fold 2 is left: ten epochs of 1 s, and the 2 s that fold 1 took beside its epochs.
    assert lines(console)[-1] == "2/5 small[0] fold 1: DSC 0.500 over 1 cases  ETA 12 s"


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


def shown(display, width):
    """Lines of the live display on a terminal of a width."""
    console = Console(file=io.StringIO(), width=width)
    console.print(display)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def display(replicate, clock):
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    memory = GpuMemory(used_bytes=3_210_000_000, total_bytes=141_000_000_000)
    with SweepDisplay([replicate], console, gpu_memory=lambda: [memory]) as display:
        yield display


def journal(*events):
    return [{"event": "started", "time": 0.0}, *({"time": time.time(), **event} for event in events)]


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_the_fold_at_work_has_its_epoch_losses_dsc_and_eta_and_the_sweep_its_own(
    replicate, display, width
):
    fold = replicate.fold_runs[0]
    display.fold_started(replicate, fold)
    assert shown(display, width)[1] == "small[0] fold 0  starting"
    events = [{**epoch(number, seconds=60.0), "train_loss": 0.25} for number in (1, 2, 3)]
    for event in events:
        display.epoch_ended(replicate, fold, event)
    display.progressed(replicate, fold, journal(*events))
    sweep, *lines = shown(display, width)
    assert sweep.split("  ")[-3:] == ["0/2 fold runs", "ETA 17 min 00 s", "GPU 3.2 of 141 GB"]
    text = "  ".join(line.strip() for line in lines)
    assert text.startswith("small[0] fold 0  epoch 3/10  loss 0.250  validation loss 0.500  patch DSC 0.400  ETA ")
    assert max(map(len, [sweep, *lines])) <= width


def test_after_the_last_epoch_the_test_is_shown(replicate, display):
    fold = replicate.fold_runs[0]
    display.fold_started(replicate, fold)
    tested = {"event": "tested", "case_id": fold.test[0].case_id, "dsc": 0.5, "seconds": 1.0}
    display.progressed(replicate, fold, journal(epoch(10), {"event": "stopped", "reason": "epochs"}, tested))
    assert shown(display, 120)[1].endswith(f"testing 1 of {len(fold.test)} cases")


def test_whoever_waits_is_told_the_fold_at_work_and_what_comes_after_it(clock, replicate, display):
    fold = replicate.fold_runs[0]
    display.fold_started(replicate, fold)
    display.progressed(replicate, fold, journal(epoch(3)))
    assert present().text == "training small[0] fold 0"
    assert present().progress.startswith("epoch 3/10, validation loss 0.500, patch DSC 0.400, ETA ")
    clock.now += 60.0
    display.fold_ended(replicate, fold, scores(0.5), False)
    assert (present().text, present().begun) == ("recording results", clock.now), "its time is not the training's"


def test_a_progress_bar_tells_how_far_the_work_is(console):
    with progress_bar("preprocessing", console) as advance:
        advance(2, 3)
        assert (present().text, present().progress) == ("preprocessing", "2 of 3")
    assert present() is None


def test_a_progress_bar_leaves_nothing_behind(console):
    with progress_bar("preprocessing", console) as advance:
        advance(0, 3)
        advance(3, 3)
    assert lines(console) == []
