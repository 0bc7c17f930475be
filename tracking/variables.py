"""Environment variables that MLflow's client takes a server, its credentials and its own patience from."""

import os

URI = "MLFLOW_TRACKING_URI"
USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
MAX_RETRIES, TIMEOUT_S = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
_TIMEOUT_S = "60"

NAME_AND_PASSWORD = f"{USERNAME} and {PASSWORD}"
CREDENTIALS = f"{NAME_AND_PASSWORD}, or {TOKEN}"
"""The variables of credentials, for a message."""


def wait_no_longer(*, num_retries: int, always: bool = False) -> None:
    """Let MLflow's client give a request up sooner than it does by itself, which is after minutes.

    Args:
        always: also where the user has set another number of retries.
    """
    if always:
        os.environ.pop(MAX_RETRIES, None)
    os.environ.setdefault(MAX_RETRIES, str(num_retries))
    os.environ.setdefault(TIMEOUT_S, _TIMEOUT_S)
