"""The one module that imports mlflow, after it has switched off everything except local recording.

MLflow reads these variables at import (telemetry) or at first use (the rest), so they are set here, above the import,
and overrule the shell: a hospital's machine must not call out. `DO_NOT_TRACK` counts for MLflow only as "true".
"""

import logging
import os
from pathlib import Path

LOCAL_ONLY = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
os.environ.update(LOCAL_ONLY)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersion  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.tracking.dbmodels.models import (  # noqa: E402
    SqlLatestMetric,
    SqlMetric,
    SqlRun,
    SqlTag,
)

# The migrations of a new store are announced at level INFO.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
# Errors of a database are raised as well, and reported in one line (hemosweep.sqlite); this logger would add a
# traceback.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

MLFLOW_VERSION = mlflow.__version__
MIGRATIONS = Path(mlflow.__file__).parent / "store" / "db_migrations"
"""Folder of the migrations of MLflow's tables."""
ALREADY_EXISTS, DOES_NOT_EXIST = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"
"""Error codes of `MlflowException`."""

__all__ = [
    "ALREADY_EXISTS",
    "DOES_NOT_EXIST",
    "LOCAL_ONLY",
    "MIGRATIONS",
    "MLFLOW_VERSION",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "InputTag",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "ModelVersion",
    "Param",
    "Run",
    "RunTag",
    "SqlLatestMetric",
    "SqlMetric",
    "SqlRun",
    "SqlTag",
    "ViewType",
]
