"""Experiments of an MLflow store, found by their names or made."""

from pathlib import Path

from hemosweep.tracking.backend import ALREADY_EXISTS, Experiment, MlflowClient, MlflowException
from hemosweep.tracking.schema import ARTIFACTS_FOLDER


def obtain_experiment(client: MlflowClient, name: str, artifacts: str | None) -> Experiment:
    """Return the experiment of a name. It is made if it is missing, and restored if it was deleted.

    Args:
        artifacts: place of the artifacts of a new one; None where the server decides. Without a server MLflow would
            choose the working folder.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            client.create_experiment(name, artifact_location=artifacts)
        except MlflowException as error:
            if error.error_code != ALREADY_EXISTS:
                raise
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment


def artifacts_beside(database: Path, name: str) -> str:
    """Place of an experiment's artifacts where its store is a database file and no server."""
    return (database.absolute().parent / ARTIFACTS_FOLDER / name).as_uri()
