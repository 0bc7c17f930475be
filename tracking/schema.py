"""Every name that hemosweep writes into an MLflow store: experiments, runs, tags, metrics, params, artifacts, views.

A sweep is an experiment. An arm replicate (arm and seed) is a run, each of its folds a child run of it. The seeds and
repeats of one arm are child runs of a group. A top-level run that stands for an arm, a group or the only seed, has the
arm's verdict. Recorder, reader and server take every name from here, and so can a query by hand.
"""

import json
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hemosweep.runs import ENVIRONMENT_PREFIX, FACT_PREFIX, LOOKS_FACT, Cost
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
LEVEL_GROUP = "group"
LEVEL_FOLD = "fold"
LEVEL_REPORT = "report"
TAG_REPORT = "hemosweep.report"
TAG_CASE_PAGE = "hemosweep.case_page"
REPORT_NAME = "report"
TAG_GROUP = "hemosweep.group"
"""Digest of what the seeds and repeats of one arm have in common; their group has it."""
TAG_ROW = "hemosweep.row"
"""The line of a run in the table of arms: ROW_ARM, ROW_SEED, or ROW_EARLIER where another run stands for its arm."""
ROW_ARM, ROW_SEED, ROW_EARLIER = "arm", "seed", "earlier"
TAG_DECLARATION = "hemosweep.declaration"
"""Question, arms, baseline and comparisons of a sweep as JSON; its experiment has it."""

# Result of the declared comparison whose B is the arm of a run; difference, interval and p are metrics.
TAG_BASELINE = "hemosweep.baseline"
"""The arm A of that comparison, which the difference is taken from."""
TAG_VERDICT = "hemosweep.verdict"
TAG_COMPARED_BY = "hemosweep.compared_by"
"""The metric of that comparison."""

# MLflow's own tags: what its pages show as user, parent, description, tables, pictures, source and version of a run,
# and as kind and views of an experiment.
TAG_USER = "mlflow.user"
TAG_RUN_NAME = "mlflow.runName"
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"
TAG_TABLES = "mlflow.loggedArtifacts"
TAG_IMAGES = "mlflow.loggedImages"
TAG_GIT_COMMIT = "mlflow.source.git.commit"
TAG_SOURCE = "mlflow.source.name"
TAG_KIND = "mlflow.experimentKind"
VIEW_PREFIX = "mlflow.sharedViewState."
"""Beginning of the names of an experiment's saved views."""

METRIC_DSC = "dsc"
METRIC_DSC_MEAN = "dsc_mean"
METRIC_DSC_STD = "dsc_std"
METRIC_DSC_IVH, METRIC_DSC_NO_IVH = "dsc_ivh", "dsc_no_ivh"
SHORT_NAMES = {
    METRIC_DSC: METRIC_DSC_MEAN,
    METRIC_DSC_IVH: f"{METRIC_DSC_IVH}_mean",
    METRIC_DSC_NO_IVH: f"{METRIC_DSC_NO_IVH}_mean",
}
"""Metrics that repeat another one in the digits that a table prints, since MLflow shows every digit that it has."""
METRIC_TRAIN_SECONDS = "train_seconds"
METRIC_NUM_CASES, METRIC_NUM_UNDEFINED = "num_cases", "num_undefined"
METRIC_BEST_EPOCH = "best_epoch"
METRIC_EPOCHS = "epochs"
METRIC_SECONDS = "seconds"
METRIC_SEED_SD = "dsc_seed_sd"
"""Sample standard deviation of `dsc_mean` over the seeds (or repeats) of a group."""
METRIC_NUM_SEEDS = "num_seeds"
COST_METRICS = {
    "parameters": "parameters",
    "case_gflop": "gflop_per_case",
    "epoch_s": "seconds_per_epoch",
    "case_s": "seconds_per_case",
    "gpu_gib": "peak_gpu_gib",
    "process_gib": "peak_process_gib",
}
"""Fields of a `Cost` to the metrics of a fold's run and of an arm's."""
METRIC_DIFF, METRIC_DIFF_LOW, METRIC_DIFF_HIGH = "diff_vs_baseline", "diff_low", "diff_high"
METRIC_CLAIM_LOW, METRIC_CLAIM_HIGH, METRIC_HOLM_P = "claim_low", "claim_high", "claim_p_holm"
VERDICT_METRICS = (
    METRIC_DIFF,
    METRIC_DIFF_LOW,
    METRIC_DIFF_HIGH,
    METRIC_CLAIM_LOW,
    METRIC_CLAIM_HIGH,
    METRIC_HOLM_P,
)
VERDICT_TAGS = (TAG_BASELINE, TAG_VERDICT, TAG_COMPARED_BY)
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
IMAGE_KEYS = ("worst", "median", "best")
"""Figures of a run that MLflow's charts show beside those of other runs."""
ARTIFACT_FOREST = f"{ARTIFACT_FIGURES}/forest.png"
ARTIFACT_COMPARISONS = "comparisons.json"
ARTIFACT_REPORT = "report"
ARTIFACT_CASE_PAGE = "cases.html"
ARTIFACTS_FOLDER = "artifacts"

SCORE_DIGITS = 3
# Above it MLflow cuts the value itself and warns.
MAX_PARAM_LENGTH = 6000


def experiment_name(sweep: str) -> str:
    return f"{EXPERIMENT_PREFIX}{sweep}"


def sweep_name(experiment: str) -> str:
    return experiment.removeprefix(EXPERIMENT_PREFIX)


def fold_run_name(run_name: str, fold: int) -> str:
    """Name of a fold's run, such as "dice@1 · fold 2", after that of its replicate."""
    return f"{run_name} \N{MIDDLE DOT} fold {fold}"


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
        SHORT_NAMES[METRIC_DSC_IVH]: summary.ivh_mean,
        f"{METRIC_DSC_IVH}_std": summary.ivh_std,
        SHORT_NAMES[METRIC_DSC_NO_IVH]: summary.no_ivh_mean,
        f"{METRIC_DSC_NO_IVH}_std": summary.no_ivh_std,
        METRIC_NUM_CASES: summary.num_cases,
        METRIC_NUM_UNDEFINED: summary.num_undefined,
    }
    present = {name: float(value) for name, value in values.items() if value is not None}
    return present | short_metrics(present)


def short_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """The `SHORT_NAMES` of the metrics that there are."""
    return {short: round(values[name], SCORE_DIGITS) for short, name in SHORT_NAMES.items() if name in values}


def mean_name(score: str) -> str:
    """Name of the metric that is the mean of a score over an arm's cases."""
    return f"{score}_mean"


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
            values[mean_name(name)] = fmean(defined)
        if len(defined) < len(cases):
            values[f"{METRIC_NUM_UNDEFINED}_{name}"] = float(len(cases) - len(defined))
    return values


def cost_metrics(cost: Cost) -> dict[str, float]:
    """A cost as metrics. A figure that is not known is left out."""
    values = {metric: getattr(cost, name) for name, metric in COST_METRICS.items()}
    return {metric: float(value) for metric, value in values.items() if value is not None}


def recorded_cost(metrics: Mapping[str, float]) -> Cost:
    """The cost that the metrics of a run tell; None for each figure that an earlier version did not record."""
    return Cost(**{name: metrics.get(metric) for name, metric in COST_METRICS.items()})


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
