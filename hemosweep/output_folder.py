"""An output folder opened from Python, and the case table of one of its runs."""

from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.runs import RunStore, find_run
from hemosweep.scores.table import case_table as table_of
from hemosweep.tracking.address import is_address
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.references import find_sweep

if TYPE_CHECKING:
    import pandas as pd


def open_store(out: str | Path = "runs") -> RunStore:
    """The runs of an output folder, or of another MLflow store (`mlflow:http://HOST:PORT`). Nothing is read yet. The
    error of `list_runs` for a folder without runs says how to start.

    Raises:
        BadInput: an address that names a run, or is none.
    """
    return find_sweep(Path(), out)[0] if isinstance(out, str) and is_address(out) else MlflowStore(Path(out))


def case_table(store: RunStore, run: str) -> "pd.DataFrame":
    """The case table of a run: a row a test case, ordered by case id.

    Columns are `case_id` (text), `dsc`, `fold`, `ivh` ("yes", "no" or "n/a"), `patient_id` ("n/a" where it is not
    known), then all other scores with their units in their names; NaN is undefined.

    Args:
        run: a run id or at least its first six characters, a run name, or SWEEP/ARM[@SEED].

    Raises:
        BadInput: no run or several fit, or it has no case table yet.
    """
    return table_of(store.case_rows(find_run(store, run).run_id))
