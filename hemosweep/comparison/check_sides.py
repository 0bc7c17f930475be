"""Comparability of the two sides of a comparison, as far as both record their provenance."""

from hemosweep.comparison.sides import FOLDS_DIGEST, Side
from hemosweep.environment import PACKAGES
from hemosweep.runs import CHOSEN_ON_TEST_FACT, ENVIRONMENT_PREFIX, RunRecord
from hemosweep.scores.recorded import recorded_digest
from hemosweep.stats.comparability import Comparability, ComparabilityFacts, comparability
from hemosweep.stats.pairing import MAX_NAMED_CASES


def check_sides(a: Side, b: Side, metric: str = "dsc") -> Comparability:
    """Reasons that forbid the comparison, and remarks beside its result.

    Two runs must agree in everything that DESIGN.md, *What may be compared*, names, and must test each case in the same
    fold. Of the metrics' digests only that of `metric` counts. The provenance of a file is not known: beside a run that
    is a warning; beside another file nothing is said.
    """
    run_a, run_b = a.newest, b.newest
    warnings = [*_programs(a, b)]
    if run_a is None or run_b is None:
        if run_a is not run_b:
            file = a.name if run_a is None else b.name
            warnings.append(
                f"{file} does not say which data, folds, metric digest and checkpoint rule it is of; not checked"
            )
        return Comparability(reasons=(), warnings=tuple(warnings))
    check = comparability(_facts(run_a, metric), _facts(run_b, metric))
    reasons = [*check.reasons]
    warnings += [*_seeds(a, "A", metric), *_seeds(b, "B", metric)]
    if run_a.fact(FOLDS_DIGEST) == run_b.fact(FOLDS_DIGEST):
        reasons += _moved(a, b)
        warnings += _other_cases(a, b)
    return Comparability(reasons=tuple(reasons), warnings=(*check.warnings, *warnings))


def _seeds(side: Side, letter: str, metric: str) -> list[str]:
    """Warnings about the seeds of one arm: they may differ only in facts that are a warning between two arms."""
    newest = side.newest
    assert newest is not None
    if newest.external is not None:
        return []
    differences = [
        text for run in side.runs for text in comparability(_facts(newest, metric), _facts(run, metric)).warnings
    ]
    names = ", ".join(dict.fromkeys(text.partition(" differs ")[0] for text in differences))
    return [f"not all seeds of {letter} were trained alike: {names} differ"] if names else []


def _facts(run: RunRecord, metric: str) -> ComparabilityFacts:
    unknown = f"not recorded for {run.run_id[:8]}"

    def recorded(name: str) -> str:
        return run.fact(name) or unknown

    return ComparabilityFacts(
        dataset_digest=recorded("dataset_digest"),
        folds_digest=recorded("folds_digest"),
        metric_digest=recorded_digest(run.tags, metric) or unknown,
        checkpoint_rule=recorded("checkpoint_rule"),
        source_digest=recorded("source_digest"),
        packages={name: version for name in PACKAGES if (version := run.tags.get(f"{ENVIRONMENT_PREFIX}{name}"))},
        device_kind=recorded("device_kind"),
        external=run.external,
        chosen_on_test=run.fact(CHOSEN_ON_TEST_FACT) == "true",
    )


def _moved(a: Side, b: Side) -> list[str]:
    """Reason that names the cases which two runs tested in different folds, though both name the same folds."""
    folds_a, folds_b = a.folds or {}, b.folds or {}
    moved = [
        f"{case_id} (A: {folds_a[case_id]}, B: {folds_b[case_id]})"
        for case_id in sorted(folds_a.keys() & folds_b.keys())
        if folds_a[case_id] != folds_b[case_id]
    ]
    if not moved:
        return []
    num_more = len(moved) - MAX_NAMED_CASES
    named = moved[:MAX_NAMED_CASES] + ([f"and {num_more} more"] if num_more > 0 else [])
    return [f"case folds differ: {', '.join(named)}; run both arms with the same stored folds"]


def _other_cases(a: Side, b: Side) -> list[str]:
    """Warning about runs over different cases of the same folds, such as only those with an angiography."""
    cases_a, cases_b = (set().union(*side.seeds) for side in (a, b))
    if cases_a == cases_b:
        return []
    return [
        f"A was tested on {len(cases_a)} cases and B on {len(cases_b)}, compared on those that both have; they may "
        "have been trained on different cases, too"
    ]


def _programs(a: Side, b: Side) -> list[str]:
    """Warning about sides that different programs scored: the programs may define a score differently."""
    if a.program is None or b.program is None or a.program == b.program:
        return []
    return [
        f"A was scored by {a.program} and B by {b.program}: grids, empty masks and, for surfaces, tolerances may differ"
    ]
