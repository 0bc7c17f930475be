"""Scores of a fold run's test cases, by every metric that is known to it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hemosweep.arrays import Mask
from hemosweep.errors import BadInput
from hemosweep.foldrun.scores import FoldScores, Row, read_scores, write_scores
from hemosweep.foldrun.seal import prediction_name
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.identity.metric import metric_digest
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.scores.catalogue import all_metrics
from hemosweep.scores.metric import Metric, describe
from hemosweep.scores.recorded import RecordedMetric
from hemosweep.scores.score_case import score_case


@cache
def record_metric(metric: Metric) -> RecordedMetric:
    """A metric with its digest, which is that of its code when this process first asked."""
    return RecordedMetric(digest=metric_digest(metric), description=describe(metric))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scoring:
    """Scores of a fold run in its folder, case by case: what `training.fold_run.run_fold` asks for."""

    folder: Path
    spec: FoldRunSpec
    metrics: tuple[Metric, ...]

    @classmethod
    def of(cls, spec: FoldRunSpec, folder: Path) -> "Scoring":
        """Scoring by our own metrics, by those of installed packages, and by the sweep's.

        Raises:
            BadInput: as `all_metrics` and `metric_digest`.
        """
        metrics = all_metrics(spec.metrics)
        for metric in metrics:
            record_metric(metric)
        return cls(folder=folder, spec=spec, metrics=metrics)

    def so_far(self) -> list[Row]:
        """Rows of an earlier process that ended among the test cases; none where they are damaged, of other metrics, or
        without their predictions."""
        try:
            scores = read_scores(self.folder)
        except (FileNotFoundError, BadInput):
            return []
        tested = [row["case_id"] for row in scores.rows]
        same = {name: metric.digest for name, metric in scores.metrics.items()} == {
            metric.name: record_metric(metric).digest for metric in self.metrics
        }
        of_these_cases = tested == [case.case_id for case in self.spec.test[: len(tested)]]
        predicted = all((self.folder / prediction_name(case_id)).is_file() for case_id in tested)
        return list(scores.rows) if same and of_these_cases and predicted else []

    def score(self, case_input: CaseInput, case: PreprocessedCase, prediction_DHW: Mask) -> Row:
        """Row of a case, its prediction on the scanner's grid."""
        facts = {"case_id": case_input.case_id, "fold": self.spec.fold, "ivh": case_input.ivh}
        spacing_DHW_mm = case.native_spacing_DHW_mm
        return facts | score_case(
            prediction_DHW, case.reference_DHW, spacing_DHW_mm=spacing_DHW_mm, metrics=self.metrics
        )

    def write(self, rows: list[Row]) -> None:
        """Keep the rows of the cases so far."""
        metrics = {metric.name: record_metric(metric) for metric in self.metrics}
        write_scores(self.folder, FoldScores(rows=rows, metrics=metrics))
