"""Pages of a sweep in MLflow's interface: saved views, their addresses, and the sweep's description.

MLflow keeps a saved view as an experiment tag and opens it by its key in the address; columns, sorting and filter
travel in it, so that a researcher meets the same table in every browser.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from hemosweep.tracking import schema

ARMS = "hemosweep-arms"
FOLDS = "hemosweep-folds"
BARS = "hemosweep-bars"
CURVES = "hemosweep-curves"
CASES = "hemosweep-cases"
IMAGES = "hemosweep-images"
REPORT = "hemosweep-report"
TABLE_MODE = "TABLE"
CHART_MODE = "CHART"
ARTIFACT_MODE = "ARTIFACT"

# MLflow 3 has a page for language models and one for machine learning, and a new browser opens the former.
_WORKFLOW = {"workflowType": "machine_learning"}
_VERDICT = f"tags.`{schema.TAG_VERDICT}`"
_NAME = "attributes.`Run Name`"
_VERDICT_COLUMNS = (
    f"metrics.`{schema.METRIC_DSC}`",
    _VERDICT,
    *(f"metrics.`{name}`" for name in schema.VERDICT_METRICS),
)
_ARM_METRICS = (
    schema.METRIC_SEED_SD,
    schema.METRIC_NUM_SEEDS,
    schema.METRIC_DSC_IVH,
    schema.METRIC_DSC_NO_IVH,
    schema.mean_name("nsd"),
    schema.mean_name("hd95_mm"),
    schema.METRIC_NUM_CASES,
    *schema.COST_METRICS.values(),
)
_FOLD_METRICS = (
    schema.METRIC_DSC,
    schema.METRIC_SEED_SD,
    schema.METRIC_DSC_STD,
    schema.METRIC_BEST_EPOCH,
    schema.METRIC_EPOCHS,
    schema.METRIC_SECONDS,
)
_IS_ARM = f"tags.`{schema.TAG_ROW}` = '{schema.ROW_ARM}'"


def _view(name: str, search: str, order: str, columns: Sequence[str], *, rising: bool = False, **more: Any) -> Any:
    return {
        "name": name,
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": rising,
        "selectedColumns": list(columns),
        "columnOrder": list(columns),
        "columnWidths": {_VERDICT: 280} if _VERDICT in columns else {},
        **more,
    }


def _bars(*metrics: str) -> list[dict[str, Any]]:
    """Bar charts of these metrics, in a section of their own."""
    return [
        {
            "type": "BAR",
            "uuid": f"hemosweep-bar-{metric}",
            "metricKey": metric,
            "metricSectionId": _BAR_SECTION,
            "deleted": False,
            "isGenerated": False,
        }
        for metric in metrics
    ]


def _pictures(*keys: str) -> list[dict[str, Any]]:
    """Table of these pictures, a row a key and a column a run, in a section of its own."""
    return [
        {
            "type": "IMAGE",
            "uuid": "hemosweep-pictures",
            "imageKeys": list(keys),
            "step": 0,
            "showRunParams": False,
            "metricSectionId": _PICTURE_SECTION,
            "deleted": False,
            "isGenerated": False,
        }
    ]


def _section(uuid: str, name: str, **more: Any) -> dict[str, Any]:
    return {"uuid": uuid, "name": name, "display": True, "isReordered": True, "deleted": False, **more}


_BAR_SECTION, _PICTURE_SECTION = "hemosweep-verdict", "hemosweep-pictures-section"
_BY_DSC = f"metrics.`{schema.METRIC_DSC_MEAN}`"
_BY_DATE = "attributes.start_time"
_METRICS = "metrics.`{}`".format

_VIEWS: dict[str, dict[str, Any]] = {
    # Sorted by a metric, MLflow lists children among their parents, so this view has only the arms.
    ARMS: _view("Arms by DSC", _IS_ARM, _BY_DSC, [*_VERDICT_COLUMNS, *map(_METRICS, _ARM_METRICS)]),
    # MLflow nests seeds and folds below their arms only if the list is sorted by date.
    FOLDS: _view(
        "Arms with their seeds and folds",
        "",
        _BY_DATE,
        list(map(_METRICS, _FOLD_METRICS)),
        rising=True,
        # In MLflow's own width the name of a fold loses the number of the fold.
        columnOrder=[_NAME, *map(_METRICS, _FOLD_METRICS)],
        columnWidths={_NAME: 260},
    ),
    BARS: _view(
        "Bars of the arms",
        _IS_ARM,
        _BY_DSC,
        _VERDICT_COLUMNS,
        compareRunCharts=_bars(*schema.VERDICT_METRICS[:3], *schema.SHORT_NAMES),
        compareRunSections=[_section(_BAR_SECTION, "Arms")],
    ),
    CURVES: _view(
        "Learning curves, mean over an arm's folds",
        f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_FOLD}'",
        f"tags.`{schema.TAG_ARM}`",
        list(map(_METRICS, _FOLD_METRICS)),
        rising=True,
        groupBy={"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": schema.TAG_ARM}]},
        useGroupedValuesInCharts=True,
        chartsSearchFilter="|".join(name for name in schema.EPOCH_METRICS if name != schema.METRIC_EPOCH_SECONDS),
    ),
    # The tables of cases belong to the trained seeds.
    CASES: _view("Cases side by side", f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_ARM}'", _BY_DSC, _VERDICT_COLUMNS),
    IMAGES: _view(
        "Pictures side by side",
        f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_ARM}'",
        _BY_DSC,
        _VERDICT_COLUMNS,
        compareRunCharts=_pictures(*schema.IMAGE_KEYS),
        compareRunSections=[
            _section(_PICTURE_SECTION, "Worst, median and best case of each arm", columns=1, cardHeight=800)
        ],
    ),
    REPORT: _view("Report beside the paper", f"tags.`{schema.TAG_LEVEL}` = '{schema.LEVEL_REPORT}'", _BY_DATE, []),
}


PAGES = {
    "arms by DSC": (ARMS, TABLE_MODE),
    "arms with their seeds and folds": (FOLDS, TABLE_MODE),
    "bars of the arms": (BARS, CHART_MODE),
    "learning curves": (CURVES, CHART_MODE),
    "cases side by side": (CASES, ARTIFACT_MODE),
    "pictures side by side": (IMAGES, CHART_MODE),
    "report beside the paper": (REPORT, TABLE_MODE),
}
"""The pages of a sweep: by what each shows its view and its mode."""


def is_saved(tags: Mapping[str, str], view: str) -> bool:
    """True if the experiment with these tags has a view; one of an earlier version lacks some."""
    return f"{schema.VIEW_PREFIX}{view}" in tags


def page(experiment_id: str, view: str, mode: str) -> str:
    """Address of a saved view below the server's root, such as `#/experiments/1/runs?...`."""
    query = {"compareRunsMode": mode, "viewStateShareKey": view, **_WORKFLOW}
    return f"#/experiments/{experiment_id}/runs?{urlencode(query)}"


def run_page(experiment_id: str, run_id: str) -> str:
    """Address of a run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{urlencode(_WORKFLOW)}"


def runs_page(experiment_id: str) -> str:
    """Address of all runs of an experiment, as MLflow shows them where no view is saved."""
    return f"#/experiments/{experiment_id}/runs?{urlencode(_WORKFLOW)}"


def direct_run_page(run_id: str) -> str:
    """Address of a run's page where the experiment is not known; MLflow looks it up."""
    return f"#/runs/{run_id}?{urlencode(_WORKFLOW)}"


def artifact_page(experiment_id: str, run_id: str, path: str) -> str:
    """Address of an artifact on the page of its run."""
    return f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{path}?{urlencode(_WORKFLOW)}"


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Address of runs side by side, each once."""
    chosen = list(dict.fromkeys(run_ids))
    query = {"runs": _list(chosen), "experiments": _list([experiment_id]), **_WORKFLOW}
    return f"#/compare-runs?{urlencode(query)}"


def experiment_tags(experiment_id: str) -> dict[str, str]:
    """Kind and saved views of a sweep's experiment."""
    return {schema.TAG_KIND: "custom_model_development"} | {
        f"{schema.VIEW_PREFIX}{key}": _saved(view) for key, view in _VIEWS.items()
    }


def _list(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), separators=(",", ":"))


def _saved(view: dict[str, Any]) -> str:
    # MLflow 3.17 reads an envelope that contains the view as text, earlier versions the plain view; this is both.
    return json.dumps({**view, "createdAt": 0, "state": json.dumps(view)})
