"""Record of a sweep's report in MLflow: a run `report` in the sweep's experiment.

Each sweep has one such run, which is updated; the same report again changes nothing. Its level is not that of an arm,
so no list of runs and no comparison includes it.
"""

import hashlib
import shutil
from pathlib import Path

from hemosweep.sqlite import usable
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import StoreConnection, ensure_experiment, existing_store, search_runs


def log_report(out: Path, sweep: str, folder: Path) -> str:
    """Log every file of a report's folder as an artifact below `report/`. Return the run's id.

    Raises:
        BadInput: the folder holds no store, or one that cannot be written.
    """
    digest = _digest(folder)
    with usable(database_path(out)):
        store = existing_store(out)
        client = store.client
        experiment_id = str(ensure_experiment(store, sweep).experiment_id)
        is_report = f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_REPORT}'"
        reports = search_runs(store, [experiment_id], is_report)
        if reports:
            run_id = str(reports[0].info.run_id)
            if reports[0].data.tags.get(schema.TAG_REPORT) == digest and reports[0].info.status == "FINISHED":
                return run_id
        else:
            tags = {
                schema.TAG_LEVEL: schema.LEVEL_REPORT,
                schema.TAG_SWEEP: sweep,
                schema.TAG_SOURCE: f"hemosweep report {sweep}",
                schema.TAG_NOTE: schema.report_note(sweep),
            }
            run_id = str(client.create_run(experiment_id, tags=tags, run_name=schema.REPORT_NAME).info.run_id)
        _put(folder, store, sweep, run_id)
        client.set_tag(run_id, schema.TAG_REPORT, digest)
        client.set_terminated(run_id, "FINISHED")
    return run_id


def _put(folder: Path, store: StoreConnection, sweep: str, run_id: str) -> None:
    """Replace the report among a run's artifacts.

    MLflow's client is not used, because it would leave the figures of arms that no longer exist.
    """
    artifacts = store.artifacts / sweep / run_id / "artifacts" / schema.ARTIFACT_REPORT
    if artifacts.is_dir():
        shutil.rmtree(artifacts)
    shutil.copytree(folder, artifacts)


def _digest(folder: Path) -> str:
    """Digest of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
