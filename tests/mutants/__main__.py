"""Mutation score: how many small faults, put into the code one at a time, the fast tests of their module notice.

`make mutants` samples mutants of each area, runs the area's tests against each in a fork, and prints the score and the
survivors. It can be interrupted: the same command goes on. The sample is the same each time, and a larger one contains
a smaller one.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.environment import num_processors
from tests.mutants.areas import AREAS, Area
from tests.mutants.bench import Bench, Results, digest, read_equivalent, sample
from tests.mutants.forked import PRELOADED, MutantFinder, Tests, preload, start, wait
from tests.mutants.mutate import Mutant, mutated

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
PASSED, NO_TESTS = 0, 5
"""Exit codes of pytest. Any other one means that a mutant was noticed, be it as the tests were imported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A run of tests in a fork."""

    bench: Bench
    mutant: Mutant | None
    tests: Tests
    files: tuple[str, ...]
    seconds: float


def run_jobs(jobs: Sequence[Job], root: Path, cache: Path, at_once: int) -> Iterator[tuple[Job, dict[str, Any] | None]]:
    """Each job with what came of it, as it ends; None where it ran past its time or left no answer."""
    waiting, running = list(jobs), {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                answer = cache / f"answer-{len(waiting)}.json"
                answer.unlink(missing_ok=True)
                finder = None
                if job.mutant is not None:
                    finder = MutantFinder(
                        root, job.mutant.module, mutated(job.mutant, job.bench.texts[job.mutant.module])
                    )
                running[start(root, cache, job.tests, job.files, answer, finder)] = job, answer, time.monotonic()
            for child, (job, answer, begun) in list(running.items()):
                ended = wait(child, begun + job.seconds)
                if ended is None:
                    continue
                del running[child]
                shutil.rmtree(cache / f"tmp-{child}", ignore_errors=True)
                yield job, json.loads(answer.read_text()) if ended and answer.exists() else None
                answer.unlink(missing_ok=True)
            time.sleep(0.01)
    finally:
        for child in running:
            wait(child, 0.0)


def learn(benches: Sequence[Bench], root: Path, cache: Path, at_once: int) -> None:
    """Run each file of tests without a mutant, for their times and the functions that they enter.

    Raises:
        SystemExit: a test fails.
    """
    kept = Results(cache / "tests.json")
    jobs = []
    for bench in benches:
        for file in bench.tests if bench.mutants else ():
            known = kept.by_key.get(file)
            if known is not None and known["of"] == _of(bench, file):
                _learned(bench, known)
            else:
                tests = Tests(root, lambda test: 0.0, traced=tuple(bench.texts))
                jobs.append(Job(bench=bench, mutant=None, tests=tests, files=(file,), seconds=1800.0))
    for done, (job, answer) in enumerate(run_jobs(jobs, root, cache, at_once), start=1):
        (file,) = job.files
        if answer is None or answer["status"] not in (PASSED, NO_TESTS):
            first = answer["failed"] if answer else "they did not end"
            raise SystemExit(f"mutants: {file}: tests fail without a mutant ({first}); mend that first")
        kept.add(file, answer | {"of": _of(job.bench, file)})
        _learned(job.bench, answer)
        seconds = answer["seconds"]
        print(f"[{done}/{len(jobs)}] {file}: {len(seconds)} tests pass in {sum(seconds.values()):.0f} s", flush=True)


def _of(bench: Bench, file: str) -> list[str]:
    return [bench.tests[file], digest(json.dumps(bench.texts))]


def _learned(bench: Bench, answer: dict[str, Any]) -> None:
    bench.seconds |= answer["seconds"]
    for test, pairs in answer["entered"].items():
        bench.entered[test] = bench.entered.get(test, set()) | {(module, name) for module, name in pairs}


def jobs_of(bench: Bench, root: Path, results: Results, patience_s: float) -> Iterator[Job]:
    """A job for each mutant whose end is not known yet; one that no test enters survives without."""
    for mutant in bench.mutants:
        if results.of(bench, mutant) is not None:
            continue
        order = bench.order(mutant)
        if not order:
            results.add(bench.key(mutant), {"killed": False, "failed": "", "tests": bench.tests_digest})
            continue
        # A test that is not known has got its name from the mutant.
        tests = Tests(
            root, lambda test, order=order, known=bench.seconds: order.get(test, None if test in known else 0.0)
        )
        chosen = {test.partition("::")[0] for test in order}
        yield Job(
            bench=bench,
            mutant=mutant,
            tests=tests,
            files=tuple(file for file in bench.tests if file in chosen),
            seconds=patience_s + 8.0 * sum(order.values()),
        )


def score(
    areas: Sequence[Area],
    *,
    root: Path = ROOT,
    number: int,
    threshold: float,
    at_once: int,
    preloaded: Sequence[str] = PRELOADED,
    equivalent: Path = EQUIVALENT,
    patience_s: float = 60.0,
) -> int:
    """Run mutants, print what came of them, and return 0 where the share of killed ones reaches the threshold.

    Args:
        patience_s: a mutant has so long beyond eight times what its tests take; one that goes on has no end.
    """
    cache = root / ".mutants"
    cache.mkdir(exist_ok=True)
    for left in (*cache.glob("tmp-*"), *cache.glob("answer-*")):  # by a run that was killed
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    benches = sample(areas, root, number, read_equivalent(equivalent))
    results = Results(cache / "results.json")
    preload(preloaded, cache)
    learn(benches, root, cache, at_once)
    jobs = [job for bench in benches for job in jobs_of(bench, root, results, patience_s)]
    print(f"mutants: {sum(len(bench.mutants) for bench in benches)} in all, {len(jobs)} to run, {at_once} at once")
    begun = time.monotonic()
    for done, (job, answer) in enumerate(run_jobs(jobs, root, cache, at_once), start=1):
        assert job.mutant is not None
        killed = answer is None or answer["status"] not in (PASSED, NO_TESTS)
        failed = answer["failed"] if answer else ""
        file = job.bench.tests.get(failed.partition("::")[0])
        result = {"killed": killed, "failed": failed if file else "", "file": file, "tests": job.bench.tests_digest}
        results.add(job.bench.key(job.mutant), result)
        left_s = (time.monotonic() - begun) / done * (len(jobs) - done)
        told = "killed" if answer else "killed (no end)"
        print(
            f"[{done}/{len(jobs)}, {left_s / 60:.0f} min left] {told if killed else 'SURVIVED'}: "
            f"{job.mutant.module}:{job.mutant.line}: {job.mutant.change}",
            flush=True,
        )
    return _report(benches, results, threshold)


def _report(benches: Sequence[Bench], results: Results, threshold: float) -> int:
    print(f"\n{'area':<15}{'mutants':>9}{'equivalent':>12}{'killed':>8}{'survived':>10}{'score':>9}")
    survivors, all_run, all_equivalent = [], 0, 0
    for bench in benches:
        survived = [mutant for mutant in bench.mutants if not results.of(bench, mutant)["killed"]]
        survivors += sorted(survived, key=lambda mutant: (mutant.module, mutant.place, mutant.variant))
        all_run, all_equivalent = all_run + len(bench.mutants), all_equivalent + bench.equivalent
        print(_row(bench.area.name, len(bench.mutants), bench.equivalent, len(survived)))
    print(_row("all", all_run, all_equivalent, len(survivors)))
    if survivors:
        print("\nSurvivors:")
    for mutant in survivors:
        print(f"{mutant.module}:{mutant.line}: {mutant.change}\n    {mutant.source}")
    share = 100.0 * (1 - len(survivors) / max(all_run, 1))
    if share < threshold:
        print(f"\nmutants: {share:.1f}% killed, {threshold:g}% wanted: write tests that notice the survivors, or name")
        print("those that change nothing in tests/mutants/equivalent.txt, with a reason")
    return int(share < threshold)


def _row(name: str, run: int, equivalent: int, survived: int) -> str:
    share = f"{100.0 * (run - survived) / run:.1f}%" if run else "-"
    return f"{name:<15}{run + equivalent:>9}{equivalent:>12}{run - survived:>8}{survived:>10}{share:>9}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--mutants", type=int, default=320, help="how many, spread over the areas (default %(default)s)"
    )
    parser.add_argument("--areas", help=f"only these, separated by commas: {', '.join(area.name for area in AREAS)}")
    parser.add_argument("--jobs", type=int, default=num_processors(), help="mutants at once (default one a processor)")
    parser.add_argument(
        "--threshold", type=float, default=95.0, help="percent that must be killed (default %(default)s)"
    )
    options = parser.parse_args()
    names = options.areas.split(",") if options.areas else [area.name for area in AREAS]
    unknown = set(names) - {area.name for area in AREAS}
    if unknown:
        parser.error(f"--areas: no area {', '.join(sorted(unknown))}")
    os.nice(5)
    try:
        return score(
            [area for area in AREAS if area.name in names],
            number=options.mutants,
            threshold=options.threshold,
            at_once=options.jobs,
        )
    except KeyboardInterrupt:
        print("\nmutants: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
