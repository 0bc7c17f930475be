"""Links of a description to MLflow's pages, which name experiments and runs by the ids of one store."""

import re
from collections.abc import Mapping

_EXPERIMENT_ID = re.compile(r"(?<=/experiments/)\d+")
_COMPARED = re.compile(r"(?<=experiments=%5B%22)\d+(?=%22%5D)")
_RUN_ID = re.compile(r"(?:(?<=%22)|(?<![0-9a-f]))[0-9a-f]{32}(?![0-9a-f])")


def moved(text: str, experiments: Mapping[str, str], runs: Mapping[str, str]) -> str:
    """A text whose links name the experiments and runs of another store.

    Args:
        experiments: id there by id here; an id that is not in it stays as it is.
        runs: the same for runs.
    """
    for pattern, ids in ((_EXPERIMENT_ID, experiments), (_COMPARED, experiments), (_RUN_ID, runs)):
        text = pattern.sub(lambda found, ids=ids: ids.get(found[0], found[0]), text)  # type: ignore[misc]
    return text
