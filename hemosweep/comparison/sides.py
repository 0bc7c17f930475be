"""A side of a comparison: the scores of a run, of an arm's seeds, or of a file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.runs import LOOKS_FACT, RunRecord, RunStore, find_replicates
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import recorded_description, recorded_digest
from hemosweep.scores.score_files import names_a_file, read_score_file
from hemosweep.scores.table import TEXT_COLUMNS, UNKNOWN, Scores, scores_by_case
from hemosweep.stats.comparability import REFUSALS

HEMOSWEEP = "hemosweep"
METRIC_DIGEST, FOLDS_DIGEST = "metric_digest", "folds_digest"
# The facts that the seeds of one arm have in common, besides its configuration: among them the profile and the trained
# folds.
COMMON_FACTS = (*REFUSALS, "source_digest", "profile", "subset")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """Scores of one side, one mapping a seed. `runs` are the runs that they come from, none for a file.

    `program` computed the scores, None where a file does not name it. `folds`, `ivh` and `patients` map case ids, and
    are None where nothing is known. `without_lesion` are the cases with an empty reference, `with_lesion` those
    with another one, and `false_positive_ml` is the mean over the seeds. `description` is that of the metric, where the
    runs record it. `best` are the cases that a program scored like two empty masks (`FileScores`). `splits` are the
    folds of each seed, none for a file: where the cross-validation was repeated they differ, and `folds` are those of
    the first.
    """

    name: str
    seeds: tuple[Scores, ...]
    folds: Mapping[str, str] | None
    ivh: Mapping[str, str] | None
    patients: Mapping[str, str] | None
    without_lesion: frozenset[str]
    false_positive_ml: Mapping[str, float]
    runs: tuple[RunRecord, ...]
    program: str | None
    labels: tuple[str, ...]
    warnings: tuple[str, ...]
    description: MetricDescription | None = None
    with_lesion: frozenset[str] = frozenset()
    best: frozenset[str] = frozenset()
    splits: tuple[Mapping[str, str], ...] = ()

    @property
    def seconds_per_seed(self) -> float | None:
        """Mean training time of one seed; None where that of a run is not known."""
        seconds = [run.train_seconds for run in self.runs if run.train_seconds is not None]
        return fmean(seconds) if seconds and len(seconds) == len(self.runs) else None

    @property
    def by_looks(self) -> bool:
        """True if seeds were added where a comparison was open (`stats.looks`)."""
        return any(run.fact(LOOKS_FACT) is not None for run in self.runs)

    @property
    def newest(self) -> RunRecord | None:
        """The newest run of the first repeat of the cross-validation."""
        return max(self.runs, key=lambda run: (-run.repeat, run.start_time), default=None)


def read_sides(
    store: RunStore,
    references: tuple[str, str],
    metric: str,
    labels: Sequence[str],
    store_b: RunStore | None = None,
) -> tuple[Side, Side]:
    """Read A and B. SWEEP/ARM stands for all seeds of that arm.

    Args:
        labels: the label whose scores are read from files with several labels; one for both sides, or one each.
        store_b: where B is recorded; None for the store of A. Where there are two, the names of the sides say which.

    Raises:
        BadInput: as `find_replicates` and `read_score_file`; a run that has not finished.
    """
    if len(labels) > 2:
        raise BadInput(f"--label {' --label '.join(labels)}: give one for both sides, or one each")
    stores = (store, store_b or store)
    label_a, label_b = (labels[0], labels[-1]) if labels else (None, None)
    a, b = (
        _read(place, reference, metric, label)
        for place, reference, label in zip(stores, references, (label_a, label_b), strict=True)
    )
    if stores[0].place != stores[1].place:
        a, b = (
            replace(side, name=f"{side.name} in {place.place}") if side.runs else side
            for side, place in zip((a, b), stores, strict=True)
        )
    if labels and not (a.labels or b.labels):
        raise BadInput(f"--label {labels[0]}: neither {a.name} nor {b.name} has scores of several labels; leave it out")
    return a, b


def run_scores(store: RunStore, run: RunRecord, metric: str) -> dict[str, float | None]:
    """A run's scores by case.

    Raises:
        BadInput: the run has no case table, or no such metric in it.
    """
    return _scores(run, _rows(store, run), metric)


def _rows(store: RunStore, run: RunRecord) -> list[dict[str, Any]]:
    """A run's rows. Their ids are in Unicode's form NFC, whatever an earlier version recorded."""
    names = ("case_id", "patient_id")
    return [
        {**row, **{name: canonical_id(str(row[name])) for name in names if name in row}}
        for row in store.case_rows(run.run_id)
    ]


def _scores(run: RunRecord, rows: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float | None]:
    known = [name for name in (rows[0] if rows else {}) if name not in (*TEXT_COLUMNS, "fold")]
    if metric not in known:
        raise BadInput(f"{run.full_name} ({run.run_id[:8]}): no metric {metric!r}; it has {', '.join(known) or 'none'}")
    return scores_by_case(run.full_name, [(row["case_id"], row[metric]) for row in rows])


def choose_runs(store: RunStore, reference: str, metric: str = "dsc") -> tuple[tuple[RunRecord, ...], tuple[str, ...]]:
    """The finished runs of a reference that belong together, by seed, and warnings that name the others.

    Raises:
        BadInput: as `find_replicates`, or none is finished.
    """
    replicates = find_replicates(store, reference)
    finished = [run for run in replicates if run.is_finished]
    if not finished:
        run = replicates[-1]
        raise BadInput(f"run {run.full_name} is {run.status}, not finished; run its sweep again first")
    newest = max(finished, key=lambda run: (run.subset is None, run.start_time))
    chosen = same_arm(store, finished, newest, metric)
    warnings = [f"{run.full_name} is left out, it is {run.status}" for run in replicates if run not in finished]
    warnings += [
        f"{run.full_name} is left out: its data, folds, configuration or code are not those of {newest.full_name}"
        for run in finished
        if run not in chosen
    ]
    warnings += [run.about_others for run in chosen if run.about_others is not None]
    if newest.subset is not None:
        names = ", ".join(run.full_name for run in chosen)
        warnings.append(
            f"{names} {'has' if len(chosen) == 1 else 'have'} {newest.subset}: for trying, not for the study"
        )
    return chosen, tuple(warnings)


def same_arm(
    store: RunStore, runs: Sequence[RunRecord], newest: RunRecord, metric: str = "dsc"
) -> tuple[RunRecord, ...]:
    """The runs of an arm that differ from the newest one, as far as a metric is concerned, only in their seed and in
    their repeat of the cross-validation."""
    config, facts = store.config(newest.run_id), common_facts(newest, metric)

    def differs_only_in_training(run: RunRecord) -> bool:
        own = common_facts(run, metric)
        if run.repeat != newest.repeat:  # Each repeat draws its own folds, by the same configuration.
            own |= {FOLDS_DIGEST: facts[FOLDS_DIGEST]}
        return own == facts and store.config(run.run_id) == config

    return tuple(run for run in runs if differs_only_in_training(run))


def common_facts(run: RunRecord, metric: str) -> dict[str, str | None]:
    """The values of `COMMON_FACTS` of a run, of whose metrics one counts."""
    facts = {name: run.fact(name) for name in COMMON_FACTS}
    return facts | {METRIC_DIGEST: recorded_digest(run.tags, metric)}


def _mean_false_positives(tables: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    by_case: dict[str, list[float]] = {}
    for row in (row for rows in tables for row in rows):
        if row.get("false_positive_ml") is not None:
            by_case.setdefault(row["case_id"], []).append(row["false_positive_ml"])
    return {case_id: fmean(values_ml) for case_id, values_ml in by_case.items()}


def _patients(rows: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Patient by case, as far as the run recorded them; None where it recorded none."""
    patients = {row["case_id"]: row["patient_id"] for row in rows if row.get("patient_id", UNKNOWN) != UNKNOWN}
    return patients or None


def _read(store: RunStore, reference: str, metric: str, label: str | None) -> Side:
    if names_a_file(reference):
        file = read_score_file(Path(reference), metric, label)
        return Side(
            name=reference if len(file.labels) < 2 else f"{reference} (label {file.label})",
            seeds=(file.scores,),
            folds=file.facts.folds,
            ivh=file.facts.ivh,
            patients=file.facts.patients,
            without_lesion=file.facts.without_lesion,
            with_lesion=file.facts.with_lesion,
            false_positive_ml=file.facts.false_positive_ml,
            best=file.best,
            runs=(),
            program=file.program,
            labels=file.labels,
            warnings=file.warnings,
        )
    runs, warnings = choose_runs(store, reference, metric)
    tables = [_rows(store, run) for run in runs]
    rows = tables[-1]
    return Side(
        name=runs[0].full_name if len(runs) == 1 else f"{reference}, {_trainings(runs)}",
        seeds=tuple(_scores(run, table, metric) for run, table in zip(runs, tables, strict=True)),
        folds={row["case_id"]: str(row["fold"]) for row in tables[0]},
        ivh={row["case_id"]: str(row["ivh"]) for row in rows},
        patients=_patients(rows),
        without_lesion=frozenset(row["case_id"] for row in rows if row.get("reference_ml") == 0),
        with_lesion=frozenset(row["case_id"] for row in rows if (row.get("reference_ml") or 0) > 0),
        false_positive_ml=_mean_false_positives(tables),
        runs=runs,
        program=HEMOSWEEP,
        labels=(),
        warnings=warnings,
        description=recorded_description(runs[-1].tags, metric),
        splits=tuple({row["case_id"]: str(row["fold"]) for row in table} for table in tables),
    )


def in_common_repeats(a: Side, b: Side) -> tuple[Side, Side, list[str]]:
    """The sides with the runs of those repeats of the cross-validation that both have, in the same folds, and a warning
    about the others.

    Both are returned as they are where neither has repeats, or they have none in common.
    """
    repeats = [set(map(_repeat, side.runs)) for side in (a, b)]
    common = repeats[0] & repeats[1]
    if not common or repeats[0] == repeats[1]:
        return a, b, []
    left_out = [run.full_name for side in (a, b) for run in side.runs if _repeat(run) not in common]
    warning = f"left out, as the other side has no such repeat in these folds: {', '.join(left_out)}"
    return _with_repeats(a, common), _with_repeats(b, common), [warning]


def _repeat(run: RunRecord) -> tuple[int, str | None]:
    return run.repeat, run.fact(FOLDS_DIGEST)


def _with_repeats(side: Side, repeats: Collection[tuple[int, str | None]]) -> Side:
    kept = [place for place, run in enumerate(side.runs) if _repeat(run) in repeats]
    splits = tuple(side.splits[place] for place in kept)
    return replace(
        side,
        runs=tuple(side.runs[place] for place in kept),
        seeds=tuple(side.seeds[place] for place in kept),
        splits=splits,
        folds=splits[0],
    )


def _trainings(runs: Sequence[RunRecord]) -> str:
    """Text that names the seeds or, of a repeated cross-validation, the repeats."""
    seeds = [str(run.seed) for run in runs if run.repeat == 0]
    repeats = sorted({run.repeat for run in runs})
    parts = [f"seeds {', '.join(seeds)}"] if len(repeats) == 1 or len(seeds) > 1 else []
    parts += [f"repeats {', '.join(map(str, repeats))}"] if len(repeats) > 1 else []
    return ", ".join(parts)
