"""`hemosweep import-results`: another program's cross-validation as an external arm of a sweep."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from hemosweep.ablation.catalogue import find_listed, known_sweeps
from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import compare_family
from hemosweep.data.case import Case, patient_names
from hemosweep.engine.lock import driver_lock
from hemosweep.engine.prepare import store_folds
from hemosweep.environment import num_processors
from hemosweep.errors import BadInput
from hemosweep.external.catalogue import PROGRAMS, find_program
from hemosweep.external.fold_runs import write_replicate
from hemosweep.external.manifest import EXPORT_AGAIN, Manifest, read_manifest
from hemosweep.external.program import Program, Results
from hemosweep.external.scoring import Predicted, score_prediction
from hemosweep.files import check_writable
from hemosweep.foldrun.external import ExternalArm, ExternalSpec, digest_of
from hemosweep.foldrun.spec import CaseInput
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import CHOSEN_ON_TEST_FACT
from hemosweep.scores.catalogue import all_metrics
from hemosweep.scores.metric import Metric
from hemosweep.stats.comparability import CHECKPOINT_RULE
from hemosweep.tracking.reader import MlflowStore
from hemosweep.training.scoring import record_metric
from hemosweep.workflows.declared import find_declared, with_external_arms
from hemosweep.workflows.external_arms import record_replicates
from hemosweep.workflows.imported_arm import ImportedArm, not_comparable, other_scores
from hemosweep.workflows.reporting.data_sets import DataSets
from hemosweep.workflows.sweeping.verdict import record_verdict

_NO_ARM_NAME = re.compile(r"[\s\x00-\x1f\x7f@,/]")


def import_results(
    folder: str | Path,
    *,
    name: str,
    sweep: str,
    out: str | Path = "runs",
    data: str | Path | None = None,
    export: str | Path | None = None,
    tool_version: str | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> ImportedArm:
    """Score the predictions of another program's cross-validation, and record them as an arm of a sweep.

    Nothing is recorded where a result is not that of the export.

    Args:
        folder: nnU-Net's folder of a trained configuration, or MIST's folder of results.
        name: of the arm.
        sweep: name or file of an ablation.
        data: the data set that was exported, None for the phantoms in `out`.
        export: folder of the export, None where the results name it.
        tool_version: version of the program, where its files do not say it.
        seed: number of the training, where the program was trained several times.
        jobs: cases at once; one a processor by default.

    Raises:
        BadInput: an unknown sweep, a name that is taken, results of no export of ours, or another data set.
    """
    folder, out = Path(folder), Path(out)
    declared = find_declared(out, sweep)
    _check_name(name, declared)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; give the folder of the results")
    check_writable("--out", out)
    program, manifest = _find_manifest(folder, None if export is None else Path(export))
    cases = _find_cases(out, None if data is None else Path(data), manifest)
    results = program.read_results(folder, manifest)
    imported = ImportedArm(
        sweep=declared.name,
        arm=name,
        program=program.title,
        baseline=declared.baseline,
        out=out,
        num_folds=len(manifest.folds),
    )
    if results.faults:
        return _failed(imported, results.faults)
    listed = find_listed(sweep) if sweep.endswith(".py") else known_sweeps().get(declared.name)
    metrics = all_metrics(listed.sweep.metrics if listed is not None else ())
    predicted = _score(cases, manifest, results, metrics, num_processors() if jobs is None else jobs)
    faults = [outcome for outcome in predicted.values() if isinstance(outcome, str)]
    if faults:
        return _failed(imported, faults)
    scored = {case_id: outcome for case_id, outcome in predicted.items() if isinstance(outcome, Predicted)}
    out.mkdir(parents=True, exist_ok=True)
    with driver_lock(out):
        facts = _facts(manifest, results, out)
        arm = ExternalArm(
            sweep=declared.name,
            arm=name,
            seed=seed,
            program=program.title,
            version=tool_version or results.version or "of unknown version",
            settings=results.settings,
            facts=tuple(sorted(facts.items())),
            predictions=digest_of({case_id: one.digest for case_id, one in scored.items()}),
            lesion_label=manifest.lesion_label,
        )
        recorded = {metric.name: record_metric(metric) for metric in metrics}
        replicate = write_replicate(out, _specs(arm, manifest, cases, scored), scored, recorded)
        (run_id,) = record_replicates(out, [replicate])
        _record_verdict(out, declared)
    dsc = [value for one in scored.values() if (value := one.row["dsc"]) is not None]
    return replace(
        imported,
        program=f"{arm.program} {arm.version}",
        num_cases=len(scored),
        dsc_mean=math.fsum(dsc) / len(dsc) if dsc else None,
        run_id=run_id,
        warnings=(
            *other_scores(program, manifest, results, scored),
            *not_comparable(program, results, facts, MlflowStore(out), declared),
        ),
    )


def _failed(imported: ImportedArm, faults: Sequence[str]) -> ImportedArm:
    return replace(imported, failures={str(number): text for number, text in enumerate(faults, start=1)})


def _check_name(name: str, declared: Declaration) -> None:
    if not name or _NO_ARM_NAME.search(name):
        raise BadInput(f"--name {name!r}: give a text without spaces, commas, '/' and '@', such as nnunet")
    if name in declared.arms:
        raise BadInput(f"--name {name}: sweep {declared.name} trains an arm of this name; give another one")


def _find_manifest(folder: Path, export: Path | None) -> tuple[Program, Manifest]:
    """The program that results are of, and the manifest of their export.

    Raises:
        BadInput: there is none, or the export named is not that of the results.
    """
    found = [manifest for program in PROGRAMS if (manifest := program.find_manifest(folder)) is not None]
    if export is not None:
        named = read_manifest(export)
        if named is None:
            raise BadInput(f"--export {export}: is no folder that hemosweep data export-nnunet or export-mist wrote")
        if any(manifest != named for manifest in found):
            raise BadInput(f"{folder}: its results are of another export than {export}; give that, or leave it out")
        found = [named]
    if not found:
        raise BadInput(
            f"{folder}: does not name its export: it is not nnU-Net's folder of a trained configuration on one, nor "
            "MIST's of results; name the folder of the export with --export"
        )
    return find_program(found[0].program), found[0]


def _find_cases(out: Path, data: Path | None, manifest: Manifest) -> dict[str, Case]:
    """The cases that were exported, from their data set.

    Raises:
        BadInput: it is not here, or its content is another one.
    """
    data_set = DataSets(out, data).find(manifest.dataset_digest, list(manifest.names))
    if data_set is not None:
        return {case_id: data_set.cases[case_id] for case_id in manifest.names}
    if data is None:
        raise BadInput("the data set that was exported is not here; give its folder with --data")
    raise BadInput(
        f"--data {data}: its content is not that of the export; give the data set as it was, or {EXPORT_AGAIN}"
    )


def _score(
    cases: Mapping[str, Case], manifest: Manifest, results: Results, metrics: Sequence[Metric], jobs: int
) -> dict[str, Predicted | str]:
    """Scored predictions by case id, or the messages of those that cannot be."""

    def score(case_id: str) -> Predicted | str:
        name, case = manifest.names[case_id], cases[case_id]
        facts = {"case_id": case_id, "fold": manifest.tested_in[name], "ivh": case.ivh_text}
        try:
            return score_prediction(
                case, results.predictions[name], lesion_label=manifest.lesion_label, metrics=metrics, facts=facts
            )
        except BadInput as error:
            return str(error)

    for metric in metrics:
        record_metric(metric)
    with progress_bar("scoring cases") as progress, ThreadPoolExecutor(max_workers=jobs) as threads:
        return _collected(threads.map(score, cases), cases, progress)


def _collected(
    outcomes: Any, cases: Mapping[str, Case], progress: Callable[[int, int], None]
) -> dict[str, Predicted | str]:
    progress(0, len(cases))
    collected: dict[str, Predicted | str] = {}
    for case_id, outcome in zip(cases, outcomes, strict=True):
        collected[case_id] = outcome
        progress(len(collected), len(cases))
    return collected


def _facts(manifest: Manifest, results: Results, out: Path) -> dict[str, str]:
    facts = {
        "dataset_digest": manifest.dataset_digest,
        "folds_digest": store_folds(manifest.folds, out),
        CHECKPOINT_RULE: results.checkpoint_rule,
    }
    return facts | ({CHOSEN_ON_TEST_FACT: "true"} if results.chosen_on_test else {})


def _specs(
    arm: ExternalArm, manifest: Manifest, cases: Mapping[str, Case], scored: Mapping[str, Predicted]
) -> list[ExternalSpec]:
    patients = patient_names(list(cases.values()))

    def part(case_ids: Sequence[str]) -> tuple[CaseInput, ...]:
        return tuple(
            CaseInput(
                case_id=case_id,
                ivh=cases[case_id].ivh_text,
                path=str(Path(cases[case_id].lesion_path or "").resolve()),
                patient_id=patients[case_id],
            )
            for case_id in case_ids
        )

    return [
        ExternalSpec(
            of=arm,
            fold=fold.index,
            train=part(fold.train),
            validation=part(fold.validation),
            test=part(fold.test),
            predictions={case_id: scored[case_id].digest for case_id in fold.test},
        )
        for fold in manifest.folds
    ]


def _record_verdict(out: Path, declared: Declaration) -> None:
    """Bring the comparisons on the pages of MLflow up to date, as the end of a sweep does."""
    store = MlflowStore(out)
    joined = with_external_arms(declared, store)
    family = compare_family(store, joined.name, joined.comparisons, metric=joined.primary_metric, keep_going=True)
    if family.rows:
        record_verdict(family, joined, out, Console(stderr=True))
