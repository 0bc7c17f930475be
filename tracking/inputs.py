"""Data sets of a run in MLflow: the cases and their folds, each with the digest that names its content."""

from collections.abc import Mapping

from hemosweep.tracking.backend import Dataset, DatasetInput, InputTag, MlflowClient

_CONTEXT = "mlflow.data.context"
_DATA_SETS = {"dataset_digest": ("head-ct", "cross-validation"), "folds_digest": ("folds", "split")}
"""By the fact that is the digest: name of the data set, and its part in the run."""


def log_data_sets(client: MlflowClient, run_id: str, facts: Mapping[str, str]) -> None:
    """Log the data sets that a run's facts name; those that are there already stay. Neither names a place."""
    inputs = [
        DatasetInput(
            Dataset(name=name, digest=facts[fact], source_type="hemosweep", source="{}"),
            [InputTag(_CONTEXT, context)],
        )
        for fact, (name, context) in _DATA_SETS.items()
        if facts.get(fact)
    ]
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
