"""Every name that hemosweep writes into an MLflow store: experiments, runs, tags, metrics, params, artifacts, views.

A sweep is an experiment. An arm replicate (arm and seed) is a top-level run, each of its folds a child run of it.
Recorder, reader and server take every name from here, and so can a query by hand.
"""

import json
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hemosweep.runs import ENVIRONMENT_PREFIX, FACT_PREFIX, LOOKS_FACT
from hemosweep.scores.recorded import recorded_descriptions
from hemosweep.scores.summary import Summary
from hemosweep.scores.table import AVERAGED_COLUMNS

if TYPE_CHECKING:
    # Imported later: it takes half a second, and reading a list of runs does not need it.
    import pandas as pd

EXPERIMENT_PREFIX = "hemosweep/"

TAG_LEVEL = "hemosweep.level"
TAG_SWEEP = "hemosweep.sweep"
TAG_ARM = "hemosweep.arm"
TAG_SEED = "hemosweep.seed"
TAG_REPLICATE = "hemosweep.replicate"
TAG_FOLD = "hemosweep.fold"
TAG_FOLD_RUN = "hemosweep.fold_run"
TAG_SUBSET = "hemosweep.subset"
TAG_LOOKS = f"{FACT_PREFIX}{LOOKS_FACT}"
TAG_FAILURE = "hemosweep.failure"
TAG_MICRO_BATCH = "hemosweep.micro_batch"
LEVEL_ARM = "arm"
LEVEL_FOLD = "fold"
LEVEL_REPORT = "report"
TAG_REPORT = "hemosweep.report"
TAG_CASE_PAGE = "hemosweep.case_page"
REPORT_NAME = "report"

# MLflow's own tags: what its pages show as parent, description, tables, source and version of a run.
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"
TAG_TABLES = "mlflow.loggedArtifacts"
TAG_GIT_COMMIT = "mlflow.source.git.commit"
TAG_SOURCE = "mlflow.source.name"

METRIC_DSC_MEAN = "dsc_mean"
METRIC_DSC_STD = "dsc_std"
METRIC_TRAIN_SECONDS = "train_seconds"
METRIC_BEST_EPOCH = "best_epoch"
METRIC_EPOCHS = "epochs"
METRIC_SECONDS = "seconds"
# Epoch series: metric name -> field of the journal's "epoch" event. `epoch_seconds` is always finite and is logged
# last, so a step that has it is complete.
METRIC_EPOCH_SECONDS = "epoch_seconds"
EPOCH_METRICS = {
    "train_loss": "train_loss",
    "val_loss": "val_loss",
    "val_dsc": "val_dsc",
    METRIC_EPOCH_SECONDS: "seconds",
}

ARTIFACT_CASES_TABLE = "cases.json"
ARTIFACT_CASES_CSV = "cases.csv"
ARTIFACT_CONFIG = "config.json"
ARTIFACT_ENVIRONMENT = "environment.json"
ARTIFACT_FIGURES = "figures"
ARTIFACT_REPORT = "report"
ARTIFACT_CASE_PAGE = "cases.html"
ARTIFACTS_FOLDER = "artifacts"

# Above it MLflow cuts the value itself and warns.
MAX_PARAM_LENGTH = 6000


def experiment_name(sweep: str) -> str:
    return f"{EXPERIMENT_PREFIX}{sweep}"


def sweep_name(experiment: str) -> str:
    return experiment.removeprefix(EXPERIMENT_PREFIX)


def fold_run_name(fold: int) -> str:
    return f"fold-{fold}"


def extra_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The caller's tags with our prefix, so that they never clash with MLflow's."""
    return {f"{FACT_PREFIX}{name.removeprefix(FACT_PREFIX)}": value for name, value in tags.items()}


def environment_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Python, torch, platform, device and so on as `env.*`; the git commit also where MLflow's Version column looks."""
    tags = {f"{ENVIRONMENT_PREFIX}{name}": value for name, value in environment.items()}
    if "git_commit" in environment:
        tags[TAG_GIT_COMMIT] = environment["git_commit"]
    return tags


def flat_params(config: Mapping[str, Any]) -> dict[str, str]:
    """A nested configuration as MLflow params: dotted names, JSON values, text without its quotes.

    MLflow limits the length of a param. A longer value is cut here, with a reference to `config.json`.
    """
    return {name: _bounded(value) for name, value in _flatten(config, ())}


def summary_metrics(summary: Summary) -> dict[str, float]:
    """An arm's summary as metrics. A value that does not exist is left out."""
    values: dict[str, float | None] = {
        METRIC_DSC_MEAN: summary.mean,
        METRIC_DSC_STD: summary.std,
        "dsc_median": summary.median,
        "dsc_min": summary.min,
        "dsc_max": summary.max,
        "dsc_ivh_mean": summary.ivh_mean,
        "dsc_ivh_std": summary.ivh_std,
        "dsc_no_ivh_mean": summary.no_ivh_mean,
        "dsc_no_ivh_std": summary.no_ivh_std,
        "num_cases": summary.num_cases,
        "num_undefined": summary.num_undefined,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def mean_metrics(cases: "pd.DataFrame", tags: Mapping[str, str]) -> dict[str, float]:
    """Means over an arm's cases of every score but the DSC that measures an arm, such as `hd95_mm_mean`.

    Undefined scores are left out and, if there are any, counted, as in `num_undefined_lesion_precision`. A precision is
    undefined where nothing was predicted, so the mean alone would favour an arm that predicts less.

    Args:
        tags: the run's, which describe further metrics.
    """
    values: dict[str, float] = {}
    further = [metric.name for metric in recorded_descriptions(tags) if metric.averaged]
    for name in dict.fromkeys((*AVERAGED_COLUMNS, *further)):
        if name == "dsc" or name not in cases.columns:
            continue
        defined = cases[name].dropna().tolist()
        if defined:
            values[f"{name}_mean"] = fmean(defined)
        if len(defined) < len(cases):
            values[f"num_undefined_{name}"] = float(len(cases) - len(defined))
    return values


def replicate_note(sweep: str, arm: str, seed: int) -> str:
    """Description on the page of an arm's run."""
    return (
        f"Arm **{arm}** of ablation **{sweep}**, seed {seed}.\n\n"
        f"Scores of every test case: `{ARTIFACT_CASES_TABLE}`. Configuration: the params and `{ARTIFACT_CONFIG}`. "
        "Learning curves: the child runs, one a fold."
    )


def report_note(sweep: str) -> str:
    """Description on the page of a sweep's report."""
    return (
        f"The ablation **{sweep}** beside the paper: `{ARTIFACT_REPORT}/index.html` among the artifacts, the same as "
        f"Markdown and LaTeX. `{ARTIFACT_CASE_PAGE}` has every case of every arm, one click from its picture. "
        f"`hemosweep report` brings both up to date."
    )


def table_json(table: "pd.DataFrame") -> str:
    """A table in the format of MLflow's `log_table` (JSON, split orientation); NaN is null, floats keep every digit."""
    rows = [[None if value != value else value for value in row] for row in table.to_numpy(dtype=object).tolist()]
    return json.dumps({"columns": list(table.columns), "data": rows}, allow_nan=False)


def _flatten(value: object, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _flatten(item, (*path, str(key)))
    else:
        yield ".".join(path), value if isinstance(value, str) else json.dumps(value, default=str)


def _bounded(value: str) -> str:
    if len(value) <= MAX_PARAM_LENGTH:
        return value
    pointer = f"... (whole value in {ARTIFACT_CONFIG})"
    return value[: MAX_PARAM_LENGTH - len(pointer)] + pointer
