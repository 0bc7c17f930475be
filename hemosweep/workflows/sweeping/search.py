"""`hemosweep sweep search-NAME`: trials that a sampler picks, and the best of them tested on cases held out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from hemosweep.ablation.search import BEST, START, Search, Trial
from hemosweep.durations import duration
from hemosweep.engine.ledger import SearchLedger
from hemosweep.engine.prepare import Split, hold_out
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.engine.tracker import Tracker
from hemosweep.report.terminal.lines import lines_of, say
from hemosweep.report.terminal.search import draw_search, params_text, search_table
from hemosweep.workflows.sweeping.ablation import (
    Workplace,
    driving,
    open_tracker,
    open_workplace,
    train,
    train_arms,
)
from hemosweep.workflows.sweeping.notes import picture_note, study_notes
from hemosweep.workflows.sweeping.preparation import prepare_request
from hemosweep.workflows.sweeping.result import StudyResult, summarise_study
from hemosweep.workflows.sweeping.verdict import record_verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """A finished search: its trials, the best of them, and the comparison of start and best on the held-out cases.

    `held_out` is None where no trial is better than the start.
    """

    search: str
    profile: str
    trials: tuple[Trial, ...]
    best: Trial | None
    held_out: StudyResult | None
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "search": self.search,
            "profile": self.profile,
            "trials": [{"trial": t.name, "params": dict(t.params), "dsc": t.dsc} for t in self.trials],
            "best": None if self.best is None else self.best.name,
            "held_out": None if self.held_out is None else self.held_out.as_json(),
            "failures": list(self.failures),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The trials, and start and best on the cases held out."""
        held_out = [] if self.held_out is None else self.held_out.as_lines(styled=styled)
        return [*lines_of(search_table(self.trials, self.best), styled=styled), *self.notes, *held_out]


def run_search(request: Request, *, confirmed: bool = False) -> SearchResult:
    """Run a search up to its number of trials. The same call goes on from the trials that are done.

    Args:
        confirmed: train a paper-profile search without a GPU, too.

    Raises:
        BadInput: as `prepare_request` and `hold_out`.
    """
    search, num_trials = request.search, request.num_trials
    assert search is not None, "an ablation is for run_study"
    progress = Console(stderr=True)
    prepared = prepare_request(request, progress, confirmed=confirmed)
    split = hold_out(prepared, request.base, request.out)
    say(
        progress,
        f"search of {num_trials} trials on {len(split.trials.cases)} cases; "
        f"{len(split.held_out.folds[0].test)} are held out to test the best one",
    )
    with driving(request.out):
        with open_workplace(request, split.trials) as workplace:
            tracker = open_tracker(request.out)
            # The DSC of a trial would mislead the sampler if code of its arms has changed since.
            code = request.code.of_fold_runs(search.base(request.base))
            ledger = SearchLedger(request.out, search, request.base, dict(split.trials.facts) | {"code_digest": code})
            failures = _run_trials(search, request, split, workplace, ledger, num_trials, tracker, progress)
            trials = tuple(trial for trial in ledger.trials() if trial.ended)
            best = max(
                (trial for trial in trials if trial.dsc is not None), key=lambda t: (t.dsc, -t.index), default=None
            )
            last, results = None, []
            if best is not None and best.index > 0:
                last = _last_request(search, request, best)
                say(progress, f"start and best ({best.name}) on the held-out cases")
                results = train_arms(last, split.held_out, workplace, tracker, progress)
        notes = _notes(search, request, trials, best)
        held_out = None if last is None else _summarise(last, results, progress)
    if held_out is not None:
        failures += held_out.failures
    return SearchResult(
        search=search.name,
        profile=request.profile.name,
        trials=trials,
        best=best,
        held_out=held_out,
        failures=failures,
        notes=tuple(notes),
    )


def _run_trials(
    search: Search,
    request: Request,
    split: Split,
    workplace: Workplace,
    ledger: SearchLedger,
    num_trials: int,
    tracker: Tracker,
    console: Console,
) -> tuple[str, ...]:
    """Train one trial after another until so many have ended. Return the failures."""
    failures: list[str] = []
    begun, num_before = time.monotonic(), sum(trial.ended for trial in ledger.trials())
    while (num_ended := sum(trial.ended for trial in ledger.trials())) < num_trials:
        num_here = num_ended - num_before
        left_s = (time.monotonic() - begun) / num_here * (num_trials - num_ended) if num_here else None
        trial = ledger.ask()
        eta = "" if left_s is None else f"  ETA {duration(left_s)}"
        say(
            console,
            f"{num_ended + 1}/{num_trials} {trial.name}: {escape(params_text(trial.params))}{eta}",
        )
        arm = search.arm(trial.name, request.base, trial.params)
        results = train(
            replace(request, arms=(arm,)),
            split.trials,
            workplace,
            ledger=ledger,
            tracker=tracker,
            illustrate=lambda replicate, cases: {},
            console=console,
        )
        failures += [failure for result in results for failure in result.failures]
        failures += [f"{trial.name}: not recorded in MLflow" for result in results if result.run_id is None]
    return tuple(failures)


def _notes(search: Search, request: Request, trials: Sequence[Trial], best: Trial | None) -> list[str]:
    notes = ["Mean DSC over the folds of each trial; the held-out cases had no part in it."]
    if best is not None:
        notes.append(picture_note("Picture", lambda: _draw(search, request, trials)))
        if best.index == 0:
            notes.append("No trial is better than the start, so there is none to test on the held-out cases.")
    return notes


def _draw(search: Search, request: Request, trials: Sequence[Trial]) -> Path:
    path = request.out / "figures" / search.name / "search.png"
    draw_search(trials, search.space, path, title=f"{search.name}, {request.profile.name} profile")
    return path


def _last_request(search: Search, request: Request, best: Trial) -> Request:
    """Start and best, to be trained on the searched cases and tested on the held-out ones."""
    points = {START: search.start, BEST: best.params}
    # Among these two an arm is its name.
    arms = tuple(
        replace(search.arm(name, request.base, params), params={"arm": name}) for name, params in points.items()
    )
    return replace(request, arms=arms)


def _summarise(request: Request, results: Sequence[ReplicateResult], progress: Console) -> StudyResult:
    """Compare start and best on the held-out cases."""
    held_out = summarise_study(request, results)
    if None not in held_out.run_ids.values():
        record_verdict(held_out.family, request.sweep.declaration, request.out, progress)
    return replace(held_out, notes=study_notes(request, results, held_out))
