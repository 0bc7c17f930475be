"""Artifacts of a run: its case table, and copies of files."""

import shutil
import tempfile
from pathlib import Path, PurePosixPath

import pandas as pd

from hemosweep.scores.table import CASE_COLUMNS, FORMULA, TEXT_COLUMNS
from hemosweep.tracking import schema
from hemosweep.tracking.backend import MlflowClient

_TEMPORARY = ".artifact.uploading.*"
"""Names of MLflow's copies of files until they are whole."""


def delete_partial_copies(artifacts: Path) -> None:
    """Delete the files that a killed process left among a run's artifacts before they were whole."""
    for left in artifacts.rglob(_TEMPORARY):
        left.unlink(missing_ok=True)


def log_cases(client: MlflowClient, run_id: str, cases: pd.DataFrame) -> None:
    """Write a case table, `CASE_COLUMNS` first, in the format of MLflow's `log_table` and as CSV.

    MLflow's own function appends to an older table and rounds to ten digits.
    """
    columns = [*CASE_COLUMNS, *(name for name in cases.columns if name not in CASE_COLUMNS)]
    table = cases[columns]
    client.log_text(run_id, schema.table_json(table), schema.ARTIFACT_CASES_TABLE)
    client.log_text(run_id, _csv(table), schema.ARTIFACT_CASES_CSV)


def _csv(table: pd.DataFrame) -> str:
    """CSV in which a text that a spreadsheet would take for a formula has a quote before it."""
    safe = {name: table[name].map(lambda text: f"'{text}" if text[:1] in FORMULA else text) for name in TEXT_COLUMNS}
    return table.assign(**safe).to_csv(index=False)


def log_file(client: MlflowClient, run_id: str, name: str, path: Path) -> None:
    """Copy a file to a path among a run's artifacts, such as `figures/dsc.png`."""
    target = PurePosixPath(name)
    folder = None if target.parent == PurePosixPath(".") else str(target.parent)
    with tempfile.TemporaryDirectory() as temporary:
        # MLflow keeps the name of a file, so a copy gets the name of the artifact.
        copy = shutil.copyfile(path, Path(temporary) / target.name)
        client.log_artifact(run_id, str(copy), folder)
