"""Model card of a fold ensemble, in Markdown: its data, training, scores and limits (Mitchell et al. 2019).

It names no case, no folder and no user.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

from hemosweep.config import ArmConfig
from hemosweep.prediction.arm import Arm
from hemosweep.prediction.unlike import COMPARED
from hemosweep.runs import RunRecord
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import recorded_description
from hemosweep.scores.table import AVERAGED_COLUMNS

RESEARCH_ONLY = "**For research only. Not a medical device: do not use it for the care of a patient.**"


def model_card(name: str, run: RunRecord, arm: Arm, rows: Sequence[Mapping[str, Any]]) -> str:
    """The card of a run's ensemble.

    Args:
        name: of the model.
        rows: the run's case table.
    """
    config, num_folds = arm.ensemble.config, len(arm.ensemble.models)
    lines = [
        f"# {name}",
        "",
        f"{num_folds} networks, one a fold of a cross-validation, that segment intracerebral hemorrhage on head CT; "
        "the result is the mean of their probabilities.",
        "",
        RESEARCH_ONLY,
        "",
        "## Data",
        "",
        *_data(run, rows),
        "",
        "## Training",
        "",
        *_training(run, config, num_folds),
        "",
        "## Scores",
        "",
        "Each test case was scored by the one network that did not see it. The mean of all networks was not scored, "
        "and needs patients of its own.",
        "",
        "| score | mean | 95% CI | sd | cases |",
        "|---|---|---|---|---|",
        *_scores(run, rows),
        "",
        "## Limits",
        "",
        *_limits(run, arm),
    ]
    return "\n".join(lines) + "\n"


def _data(run: RunRecord, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    num_ivh = sum(row.get("ivh") == "yes" for row in rows)
    yield f"- {len(rows)} cases, {num_ivh} with intraventricular hemorrhage"
    yield f"- data set digest `{run.fact('dataset_digest')}`, split digest `{run.fact('folds_digest')}`"


def _training(run: RunRecord, config: ArmConfig, num_folds: int) -> Iterator[str]:
    yield f"- run `{run.full_name}`, id `{run.run_id}`, digest `{run.digest}`"
    epochs = f"at most {config.training.max_epochs} epochs"
    yield f"- profile {run.fact('profile')}, {num_folds} folds, seed {run.seed}, {epochs}"
    yield f"- epoch that is kept: {run.fact('checkpoint_rule')}"
    yield f"- source digest `{run.fact('source_digest')}`, device {run.fact('device_kind')}"
    yield "- configuration: `MODEL.json`"


def _scores(run: RunRecord, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for metric in AVERAGED_COLUMNS:
        values = [float(row[metric]) for row in rows if row.get(metric) is not None]
        if values:
            description = recorded_description(run.tags, metric)
            yield f"| {_label(metric, description)} | {' | '.join(_cells(values))} | {len(values)} |"


def _label(metric: str, description: MetricDescription | None) -> str:
    return metric if description is None else description.label


def _cells(values: Sequence[float]) -> tuple[str, str, str]:
    """Mean, its interval by Student's t over cases, and standard deviation."""
    mean = fmean(values)
    if len(values) < 2:
        return f"{mean:.3f}", "–", "–"
    deviation = stdev(values)
    half = float(t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
    return f"{mean:.3f}", f"{mean - half:.3f} to {mean + half:.3f}", f"{deviation:.3f}"


def _limits(run: RunRecord, arm: Arm) -> Iterator[str]:
    yield f"- {RESEARCH_ONLY}"
    if run.fact("profile") == "demo":
        yield "- Demo profile: made to try the program out."
    if run.subset is not None:
        yield f"- Trained with {run.subset}."
    if arm.ensemble.config.preprocessing.angiography:
        yield "- Needs the CT angiography of each scan."
    ranges = {name: (low, high) for name, low, high in arm.ensemble.specs[0].cohort}
    told = [
        f"{one.name} {ranges[one.key][0] * one.factor:,.{one.digits}f} to "
        f"{ranges[one.key][1] * one.factor:,.{one.digits}f} {one.unit}"
        for one in COMPARED
        if one.key in ranges
    ]
    if told:
        yield f"- Trained on scans with {'; '.join(told)}. `hemosweep predict` warns of a scan that is unlike them."
    yield "- The interval is over the cases of this data set; another hospital or scanner may score otherwise."
