"""Record of external arms in the store of an output folder, from their fold runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.errors import BadInput
from hemosweep.external.fold_runs import ExternalReplicate, find_replicates
from hemosweep.runs import EXTERNAL_FACT, TOOL_FACT, TOOL_SETTINGS_FACT, TOOL_VERSION_FACT
from hemosweep.scores.recorded import metric_facts
from hemosweep.scores.table import case_table
from hemosweep.tracking.reader import MlflowStore

if TYPE_CHECKING:
    from hemosweep.tracking.recorder import Recorder


def record_external_arms(out: Path, sweep: str) -> int:
    """Record the external arms of a sweep that have no finished run; return their number.

    Raises:
        BadInput: the store cannot be used.
    """
    replicates = [replicate for replicate in find_replicates(out) if replicate.of.sweep == sweep]
    if not replicates:
        return 0
    try:
        recorded = {run.digest for run in MlflowStore(out).list_runs() if run.is_finished}
    except BadInput:  # There is no store yet.
        recorded = set()
    return len(record_replicates(out, [one for one in replicates if one.digest not in recorded]))


def record_replicates(out: Path, replicates: Iterable[ExternalReplicate]) -> list[str]:
    """Record external arms, and return the ids of their runs. A replay changes nothing.

    Raises:
        BadInput: the store cannot be used.
    """
    replicates = list(replicates)
    if not replicates:
        return []
    from hemosweep.tracking.recorder import Recorder  # With MLflow, which takes seconds.

    recorder = Recorder(out)
    return [_record(recorder, out, replicate) for replicate in replicates]


def _record(recorder: "Recorder", out: Path, replicate: ExternalReplicate) -> str:
    folders = replicate.folders(out)
    run_id = recorder.begin_replicate(_describe(replicate), folders)
    for spec in replicate.specs:
        recorder.record_fold(run_id, fold=spec.fold, digest=spec.digest, folder=folders[spec.digest])
    recorder.finish_replicate(
        run_id,
        cases=case_table(replicate.rows(out)),
        figures={},
        status="FINISHED",
        tags=metric_facts(replicate.metrics(out)),
    )
    return run_id


def _describe(replicate: ExternalReplicate) -> ReplicateInfo:
    """An external arm as the tracker records it. It has no code and no environment of ours."""
    arm = replicate.of
    tags = dict(arm.facts) | {
        EXTERNAL_FACT: "true",
        TOOL_FACT: arm.program,
        TOOL_VERSION_FACT: arm.version,
        TOOL_SETTINGS_FACT: arm.settings,
    }
    return ReplicateInfo(
        sweep=arm.sweep,
        arm=arm.arm,
        seed=arm.seed,
        digest=replicate.digest,
        run_name=arm.run_name,
        config={
            "external": {"program": arm.program, "version": arm.version, "settings": arm.settings},
            "preprocessing": {"lesion_label": arm.lesion_label},
        },
        tags=tags,
        environment={},
    )
