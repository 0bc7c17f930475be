import io
from dataclasses import replace

import pytest
from rich.console import Console

from hemosweep.report.terminal.status import status_view, summary
from hemosweep.upkeep.status import FoldRunStatus, PlannedBy, SweepStatus, TrainingProgress


def asked(fold, arm="with[0]"):
    return (PlannedBy(sweep="se", run_name=arm, arm=arm, seed=0, fold=fold),)


RUNNING = FoldRunStatus(
    digest="r",
    state="running",
    asked_by=(*asked(0), *asked(2, "other")),
    process="process 4711 on node3",
    max_epochs=50,
    eta_s=3725.4,
    progress=TrainingProgress(begun=True, epoch=12, val_loss=0.12345, val_dsc=0.81, epoch_s=98.04),
)
FAILED = FoldRunStatus(
    digest="f",
    state="failed",
    asked_by=asked(1),
    max_epochs=50,
    progress=TrainingProgress(begun=True, failed=True, failure="data: [bold]odd[/bold] name"),
)
WAITING = tuple(FoldRunStatus(digest=f"w{fold}", state="waiting", asked_by=asked(fold)) for fold in (2, 3))
LONELY = FoldRunStatus(digest="0123456789abcdef", state="waiting")
DONE = FoldRunStatus(digest="d", state="done", asked_by=asked(4))
OLDER = FoldRunStatus(digest="o", state="older", asked_by=asked(5))


@pytest.fixture
def lines():
    """Text on a terminal of so many columns, without the blanks at the ends."""

    def lines(*fold_runs, with_done=False, width=140):
        console = Console(file=io.StringIO(), width=width)
        console.print(status_view(SweepStatus(driver=None, fold_runs=fold_runs), with_done=with_done))
        return [line.rstrip() for line in console.file.getvalue().splitlines()]

    return lines


def row(lines, begins):
    (found,) = (line for line in lines if line.startswith(begins))
    return found.split()


def test_the_summary_tells_the_driver_and_counts_the_states():
    fold_runs = (RUNNING, FAILED, *WAITING, replace(WAITING[0], state="stopped"), DONE)
    assert summary(SweepStatus(driver=None, fold_runs=fold_runs)) == (
        "no driver running: 1 done, 1 running, 1 failed, 3 waiting to go on"
    )
    assert summary(SweepStatus(driver="process 1 on node3", fold_runs=(DONE, OLDER))) == (
        "driver running (process 1 on node3): 1 done, 0 running, 0 failed, 0 waiting to go on, 1 of older source code"
    )


def test_a_running_one_shows_epoch_loss_dsc_pace_eta_and_process(lines):
    shown = row(lines(RUNNING), "se/with[0] fold 0")
    assert shown == [
        *("se/with[0]", "fold", "0", "(+1)", "running", "12/50", "0.123", "0.810", "98.0", "1:02:05"),
        *("process", "4711", "on", "node3"),
    ]


def test_a_failed_one_shows_its_failure_as_it_stands(lines):
    assert row(lines(FAILED), "se/with[0] fold 1")[-4:] == ["–", "data:", "[bold]odd[/bold]", "name"]


def test_one_that_runs_again_shows_how_it_failed_before(lines):
    again = replace(RUNNING, progress=replace(RUNNING.progress, failure="system: share away"))
    assert lines(again)[-1].endswith("process 4711 on node3; failed before (system: share away)")


def test_one_that_is_tested_shows_how_many_cases_are(lines):
    testing = replace(
        RUNNING, num_test_cases=15, eta_s=None, progress=replace(RUNNING.progress, trained=True, num_tested=3)
    )
    assert lines(testing)[-1].endswith("process 4711 on node3; testing, 3 of 15 cases done")


def test_those_of_an_arm_that_have_not_begun_share_a_line(lines):
    shown = lines(*WAITING, LONELY)
    assert row(shown, "se/with[0] folds 2, 3")[-1] == "waiting"
    assert row(shown, "0123456789abcdef")[:2] == ["0123456789abcdef", "waiting"]


def test_done_and_outdated_ones_are_listed_only_when_asked_for(lines):
    assert len(lines(DONE, OLDER)) == 1
    shown = lines(DONE, OLDER, with_done=True)
    assert row(shown, "se/with[0] fold 4")[3] == "done"
    assert row(shown, "se/with[0] fold 5")[3] == "older"


def test_a_narrow_terminal_loses_nothing(lines):
    text = "".join("".join(lines(RUNNING, FAILED, width=80)).split())
    for part in ("12/50", "0.123", "0.810", "98.0", "1:02:05", "running", "failed"):
        assert part in text
    assert max(map(len, lines(RUNNING, FAILED, width=80))) <= 80
