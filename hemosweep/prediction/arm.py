"""An arm's fold ensemble, ready to segment scans: loaded by the name of its run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.components.record import as_json, types_in
from hemosweep.config import ArmConfig, section_as_dict
from hemosweep.digest import digest_json
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.identity.stages import PREDICTIONS, Code
from hemosweep.identity.trusted import project_in_use
from hemosweep.inference.ensemble import Ensemble, EnsembleCases, load_ensemble
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.runs import RunStore, find_run


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """An ensemble and what is known about it.

    `digest` names the replicate, `code` is the digest of the code that segments. `prepared` are the folders of
    preprocessed cases that it was trained on, by name. `warnings` are about the run.
    """

    name: str
    run_id: str
    digest: str
    ensemble: Ensemble
    ensemble_cases: EnsembleCases
    prepared: tuple[str, ...]
    code: str
    warnings: tuple[str, ...]


def load_arm(store: RunStore, out: Path, reference: str, project: Path | None = None) -> Arm:
    """Find a run and load its ensemble.

    Args:
        out: the output folder that holds its fold runs.
        project: where the project of the arm's own components is now; None for the place that is recorded.

    Raises:
        BadInput: no such run, or it is not complete.
    """
    run = find_run(store, reference)
    name = run.full_name
    if not run.is_finished:
        raise BadInput(f"run {name} is {run.status}, not finished; run its sweep again first")
    digests = [fold.digest for fold in store.list_folds().get(run.run_id, ())]
    if digest_json(digests) != run.digest:
        raise BadInput(f"run {name}: the store has {len(digests)} of its folds, not all; run its sweep again")
    ensemble = load_ensemble([out / FOLD_RUNS_NAME / digest for digest in digests], project=project)
    folders = {Path(case.path).parent.name for spec in ensemble.specs for case in spec.test}
    return make_arm(
        name=name,
        run_id=run.run_id,
        digest=run.digest,
        ensemble=ensemble,
        ensemble_cases=EnsembleCases(ensemble),
        prepared=sorted(folders),
        out=out,
        project=project_in_use(ensemble.specs[0], project),
        remarks=[] if run.about_others is None else [run.about_others],
    )


def make_arm(
    *,
    name: str,
    run_id: str,
    digest: str,
    ensemble: Ensemble,
    ensemble_cases: EnsembleCases,
    prepared: Sequence[str],
    out: Path,
    project: Path | None,
    remarks: Sequence[str] = (),
) -> Arm:
    """An arm with the warnings that its training and the present code call for.

    Args:
        out: folder that keeps digests of code.
        project: the project of the arm's own components; None where it has none.
        remarks: warnings that go before these.
    """
    config, specs = ensemble.config, ensemble.specs
    code = Code(project=project, cache_in=out)
    warnings = list(remarks)
    if _has_changed(config, specs, prepared, code, out):
        warnings.append(f"the code changed after run {name} was trained, so results may be worse than its scores")
    if ensemble_cases.num_missing:
        warnings.append(
            f"{ensemble_cases.num_missing} of the run's preprocessed cases are missing: it is not certain whether "
            "it was trained on a scan"
        )
    if not specs[0].cohort:
        warnings.append(
            f"run {name} does not say what its cases are like, as an earlier version trained it: a scan that is unlike "
            "them is not recognised"
        )
    components = [*types_in(section_as_dict(config.preprocessing)), as_json(config.network)["type"]]
    return Arm(
        name=name,
        run_id=run_id,
        digest=digest,
        ensemble=ensemble,
        ensemble_cases=ensemble_cases,
        prepared=tuple(prepared),
        code=code.of(PREDICTIONS, components),
        warnings=tuple(warnings),
    )


def _has_changed(
    config: ArmConfig, specs: Sequence[FoldRunSpec], prepared: Sequence[str], code: Code, out: Path
) -> bool:
    """True if the code is no longer that of the training. The folder of preprocessed cases is named for parameters and
    code."""
    source = code.of_fold_runs(config)
    now = derivatives_folder(out, out, config.preprocessing, code).name
    return any(spec.source not in (None, source) for spec in specs) or any(folder != now for folder in prepared)
