"""Scores of kept predictions, made anew where metrics have changed since; nothing is trained."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.data.nifti import read_volume
from hemosweep.errors import BadInput
from hemosweep.external.scoring import read_reference
from hemosweep.files import system_message
from hemosweep.foldrun.external import ExternalSpec
from hemosweep.foldrun.lock import LOCK_NAME, Held, hold
from hemosweep.foldrun.scores import FoldScores, Row, read_scores, write_scores
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_finished, prediction_name, sealed_content, sealed_prediction
from hemosweep.foldrun.spec import SCORES_NAME, SPEC_NAME, CaseInput, is_external, read_json
from hemosweep.scores.catalogue import all_metrics
from hemosweep.scores.metric import Metric
from hemosweep.scores.score_case import score_case
from hemosweep.training.scoring import record_metric


@dataclass(kw_only=True, slots=True)
class Rescored:
    """Numbers of what was scored again. `failures` are messages by the name of the fold run, which keeps its scores."""

    num_cases: int = 0
    num_fold_runs: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)


def find_outdated(
    folders: Mapping[Path, str], further: Mapping[Path, tuple[Metric, ...]] | None = None, *, mend: bool = False
) -> dict[Path, str]:
    """Those of the fold runs that are done and have a score that is missing, or of another digest than its metric now.

    Args:
        folders: folder of a fold run to its name.
        further: folder to the metrics of its sweep.
        mend: with the fold runs whose seal is broken. Where it is broken in the scores alone, `rescore` makes these
            anew; else it names what is wrong.

    Raises:
        BadInput: a metric cannot be imported, or two have one name.
    """
    metrics = {folder: all_metrics((further or {}).get(folder, ())) for folder in folders}

    def is_outdated(folder: Path) -> bool:
        try:
            return is_finished(folder, *RECORDS) and bool(outdated_metrics(read_scores(folder), metrics[folder]))
        except BrokenSeal:
            return mend

    return {folder: name for folder, name in folders.items() if is_outdated(folder)}


def rescore(
    outdated: Mapping[Path, str],
    further: Mapping[Path, tuple[Metric, ...]] | None = None,
    *,
    jobs: int,
    progress: Callable[[int, int], None],
) -> Rescored:
    """Compute the scores that fold runs lack.

    The scores of a fold run are replaced as a whole or not at all, so that an interruption loses nothing and the same
    call goes on. A fold run that cannot be scored is left as it is.

    Args:
        outdated: as `find_outdated` returns it.
        further: folder to the metrics of its sweep.
        jobs: number of cases at once.
    """
    begun = time.monotonic()
    result = Rescored()
    num_all = sum(map(_num_test_cases, outdated))
    num_done = 0

    def one_more() -> None:
        nonlocal num_done
        num_done += 1
        progress(num_done, num_all)

    progress(0, num_all)
    for folder, name in outdated.items():
        try:
            with hold(folder / LOCK_NAME, patience_s=0.0):
                num_cases = _rescore_fold_run(folder, all_metrics((further or {}).get(folder, ())), jobs, one_more)
        except Held as held:
            result.failures[name] = f"{name}: {held.by} works on it; start the same command again later"
        except OSError as error:
            result.failures[name] = f"{name}: {system_message(error)} and start the same command again"
        except BadInput as error:
            result.failures[name] = f"{name}, {error}"
        else:
            result.num_cases += num_cases
            result.num_fold_runs += bool(num_cases)
    result.seconds = time.monotonic() - begun
    return result


def outdated_metrics(scores: FoldScores, metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """The metrics whose scores a fold run lacks, or has from other code or another configuration."""
    recorded = scores.metrics
    return tuple(
        metric
        for metric in metrics
        if metric.name not in recorded or recorded[metric.name].digest != record_metric(metric).digest
    )


def _num_test_cases(folder: Path) -> int:
    try:
        return len(read_json(folder / SPEC_NAME)["test"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0  # The seal names what is wrong.


def _kept_scores(folder: Path, spec: Mapping[str, Any]) -> FoldScores:
    """Scores of a fold run that is done; rows without a score where they are not those that were sealed.

    Raises:
        BrokenSeal: another file is not the one that was sealed.
    """
    try:
        is_finished(folder, *RECORDS)
        return read_scores(folder)
    except BrokenSeal as broken:
        if broken.names != (SCORES_NAME,):
            raise
    return FoldScores(
        rows=[{"case_id": case["case_id"], "fold": spec["fold"], "ivh": case["ivh"]} for case in spec["test"]]
    )


def _rescore_fold_run(folder: Path, known: Iterable[Metric], jobs: int, one_more: Callable[[], None]) -> int:
    """Number of cases that were scored. Only the holder of the folder's lock may call it."""
    spec = json.loads(sealed_content(folder, SPEC_NAME))
    cases, scores = [CaseInput(**case) for case in spec["test"]], _kept_scores(folder, spec)
    metrics = outdated_metrics(scores, known)  # Another process may have scored it meanwhile.
    if not metrics:
        return 0
    new: dict[str, Row] = {}
    with ThreadPoolExecutor(max_workers=jobs) as threads:
        futures = {threads.submit(_score, folder, case, metrics): case.case_id for case in cases}
        try:
            for future in as_completed(futures):
                new[futures[future]] = future.result()
                one_more()
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    rows = [row | new[row["case_id"]] for row in scores.rows]
    recorded = {metric.name: record_metric(metric) for metric in metrics}
    write_scores(folder, FoldScores(rows=rows, metrics={**scores.metrics, **recorded}))
    return len(rows)


def _score(folder: Path, case: CaseInput, metrics: tuple[Metric, ...]) -> Row:
    """Scores of a case's kept prediction.

    Raises:
        BadInput: prediction or preprocessed case is missing or damaged.
    """
    external = is_external(folder)
    trained = "import it again" if external else "run its sweep again with --fresh, which trains it again"
    try:
        path = sealed_prediction(folder, case.case_id)
    except FileNotFoundError:
        path = folder / prediction_name(case.case_id)
        raise BadInput(f"case {case.case_id}: its prediction is missing ({path}); {trained}") from None
    if not Path(case.path).is_file():
        what, way_out = (
            ("lesion mask", "put its data set back, or import its results again")
            if external
            else ("preprocessed case", "run its sweep again, which makes it")
        )
        raise BadInput(f"case {case.case_id}: its {what} is missing ({case.path}); {way_out}")
    try:
        prediction_DHW = read_volume(path).array_DHW.astype(bool)
    except BadInput:
        raise BadInput(f"case {case.case_id}: its prediction is damaged ({path}); {trained}") from None
    try:
        label = ExternalSpec.read(folder).of.lesion_label if external else None
        reference_DHW, spacing_DHW_mm = read_reference(Path(case.path), label)
        return dict(score_case(prediction_DHW, reference_DHW, spacing_DHW_mm=spacing_DHW_mm, metrics=metrics))
    except ValueError as error:
        raise BadInput(f"case {case.case_id}: {error}") from error
