"""Record of a sweep's report and case page in MLflow: a run `report` in the sweep's experiment.

Each sweep has one such run, which is updated; the same report again changes nothing. Its level is not that of an arm,
so no list of runs and no comparison includes it.
"""

import hashlib
import shutil
from pathlib import Path

from hemosweep.files import replacing
from hemosweep.sqlite import usable
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path
from hemosweep.tracking.notes import report_note
from hemosweep.tracking.store import ensure_experiment, existing_store, search_runs
from hemosweep.tracking.user import recorded_user


def log_report(out: Path, sweep: str, folder: Path) -> str:
    """Log every file of a report's folder as an artifact below `report/`. Return the run's id.

    Raises:
        BadInput: the folder holds no store, or one that cannot be written.
    """
    return _log(out, sweep, folder, schema.TAG_REPORT, schema.ARTIFACT_REPORT)


def log_case_page(out: Path, sweep: str, page: Path) -> str:
    """Log a case page as the artifact `cases.html` of the run that has the sweep's report. Return the run's id.

    Raises:
        BadInput: the folder holds no store, or one that cannot be written.
    """
    return _log(out, sweep, page, schema.TAG_CASE_PAGE, schema.ARTIFACT_CASE_PAGE)


def _log(out: Path, sweep: str, source: Path, tag: str, artifact: str) -> str:
    """Log a file or a folder, whose digest the tag has, to the run of a sweep's report."""
    digest = _digest(source)
    with usable(database_path(out)):
        store = existing_store(out)
        client = store.client
        experiment_id = str(ensure_experiment(store, sweep).experiment_id)
        is_report = f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_REPORT}'"
        reports = search_runs(store, [experiment_id], is_report)
        if reports:
            run_id = str(reports[0].info.run_id)
            if reports[0].data.tags.get(tag) == digest and reports[0].info.status == "FINISHED":
                return run_id
        else:
            tags = {
                schema.TAG_LEVEL: schema.LEVEL_REPORT,
                schema.TAG_SWEEP: sweep,
                schema.TAG_SOURCE: f"hemosweep report {sweep}",
                schema.TAG_NOTE: report_note(sweep),
                schema.TAG_USER: recorded_user(),
            }
            run_id = str(client.create_run(experiment_id, tags=tags, run_name=schema.REPORT_NAME).info.run_id)
        _put(source, store.artifacts / sweep / run_id / "artifacts" / artifact)
        client.set_tag(run_id, tag, digest)
        client.set_terminated(run_id, "FINISHED")
    return run_id


def _put(source: Path, artifact: Path) -> None:
    """Replace an artifact, a file or a folder.

    MLflow's client is not used, because it would leave the figures of arms that no longer exist.
    """
    if artifact.is_dir():
        shutil.rmtree(artifact)
    if source.is_dir():
        shutil.copytree(source, artifact)
    else:
        with replacing(artifact) as temporary:
            shutil.copyfile(source, temporary)


def _digest(source: Path) -> str:
    """Digest of a file's content, or of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    for path in paths:
        digest.update(f"{path.relative_to(source).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
