"""Pages of a sweep in MLflow's interface: saved views, their addresses, and the sweep's description.

MLflow keeps a saved view as an experiment tag and opens it by its key in the address; columns, sorting and filter
travel in it, so that a researcher meets the same table in every browser.
"""

import json
from typing import Any
from urllib.parse import urlencode

from hemosweep.tracking import schema

ARMS = "hemosweep-arms"
FOLDS = "hemosweep-folds"
CURVES = "hemosweep-curves"
REPORT = "hemosweep-report"
TABLE_MODE = "TABLE"
CHART_MODE = "CHART"
ARTIFACT_MODE = "ARTIFACT"

_TAG_PREFIX = "mlflow.sharedViewState."
_ARM_COLUMNS = (
    "dsc_mean",
    "dsc_std",
    "dsc_median",
    "dsc_ivh_mean",
    "dsc_no_ivh_mean",
    "nsd_mean",
    "hd95_mm_mean",
    "num_cases",
    "num_undefined",
    "train_seconds",
)
_FOLD_COLUMNS = ("dsc_mean", "dsc_std", "best_epoch", "epochs", "seconds")
_VIEWS: dict[str, dict[str, Any]] = {
    ARMS: {
        "name": "Arms by mean DSC",
        # Sorted by a metric, MLflow lists children among their parents, so this view has only the arms.
        "searchFilter": f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_ARM}'",
        "orderByKey": f"metrics.`{schema.METRIC_DSC_MEAN}`",
        "orderByAsc": False,
        "selectedColumns": [f"metrics.`{name}`" for name in _ARM_COLUMNS],
        "columnOrder": [f"metrics.`{name}`" for name in _ARM_COLUMNS],
    },
    FOLDS: {
        "name": "Arms with their folds",
        "searchFilter": "",
        # MLflow nests the folds under their arms only if the list is sorted by date.
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": [f"metrics.`{name}`" for name in _FOLD_COLUMNS],
        "columnOrder": [f"metrics.`{name}`" for name in _FOLD_COLUMNS],
    },
    REPORT: {
        "name": "Report beside the paper",
        "searchFilter": f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_REPORT}'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": [],
        "columnOrder": [],
    },
    CURVES: {
        "name": "Learning curves, mean over an arm's folds",
        "searchFilter": f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_FOLD}'",
        "orderByKey": f"tags.`{schema.TAG_ARM}`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{name}`" for name in _FOLD_COLUMNS],
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": schema.TAG_ARM}]},
        "useGroupedValuesInCharts": True,
        "chartsSearchFilter": "train_loss|val_loss|val_dsc",
    },
}


def page(experiment_id: str, view: str, mode: str) -> str:
    """Address of a saved view below the server's root, such as `#/experiments/1/runs?...`."""
    query = {"compareRunsMode": mode, "viewStateShareKey": view, "workflowType": "machine_learning"}
    return f"#/experiments/{experiment_id}/runs?{urlencode(query)}"


def experiment_tags(sweep: str, experiment_id: str) -> dict[str, str]:
    """Description, kind and saved views of a sweep's experiment."""
    links = {
        "arms by mean DSC": page(experiment_id, ARMS, TABLE_MODE),
        "arms with their folds": page(experiment_id, FOLDS, TABLE_MODE),
        "learning curves": page(experiment_id, CURVES, CHART_MODE),
        "report beside the paper": page(experiment_id, REPORT, TABLE_MODE),
        "cases side by side": page(experiment_id, ARMS, ARTIFACT_MODE),
    }
    note = (
        f"Ablation **{sweep}**: {' · '.join(f'[{text}]({address})' for text, address in links.items())}\n\n"
        "One run per arm and seed, one child run per fold. `dsc_*` of an arm are taken over the test cases of all its "
        "folds (sample standard deviation); cases with an empty reference have no DSC and are left out "
        "(`num_undefined`). `dsc_ivh_*`, `dsc_no_ivh_*`: cases with and without intraventricular hemorrhage. Every "
        "other score of `cases.json` has its mean over the cases that have it; `num_undefined_*` counts the rest.\n\n"
        "Whether two arms really differ: `hemosweep compare A B`. The whole ablation beside the paper: "
        f"`hemosweep report {sweep}` logs it as the artifacts of the run `{schema.REPORT_NAME}`."
    )
    tags = {schema.TAG_NOTE: note, "mlflow.experimentKind": "custom_model_development"}
    return tags | {f"{_TAG_PREFIX}{key}": _saved(view) for key, view in _VIEWS.items()}


def _saved(view: dict[str, Any]) -> str:
    # MLflow 3.17 reads an envelope that contains the view as text, earlier versions the plain view; this is both.
    return json.dumps({**view, "createdAt": 0, "state": json.dumps(view)})
