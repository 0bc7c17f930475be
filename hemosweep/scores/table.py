"""The case table: one row a test case, with the same columns in every file, run and comparison."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.scores.catalogue import METRICS

if TYPE_CHECKING:
    # Imported later: it takes half a second, and reading a list of runs does not need it.
    import pandas as pd


UNKNOWN = "n/a"
"""Text where the IVH label or the patient of a case is not known."""
FORMULA = ("=", "+", "-", "@")
"""First letters that make a spreadsheet take a text for a formula; in a CSV of ours a quote stands before them."""
TEXT_COLUMNS = ("case_id", "ivh", "patient_id")
NUMBER_COLUMNS = tuple(METRICS)
"""The columns of our own metrics. In a table an undefined value is NaN; None in a row."""
AVERAGED_COLUMNS = tuple(name for name in NUMBER_COLUMNS if METRICS[name].averaged)
"""The columns that measure the quality of a prediction; their means are those of an arm."""
CASE_COLUMNS = ("case_id", "dsc", "fold", "ivh", "patient_id", *(name for name in NUMBER_COLUMNS if name != "dsc"))
"""All columns in their order. MLflow's table comparison groups by the first and compares by the second."""


def case_table(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows as a table in the order of the case ids: columns `CASE_COLUMNS` first, further ones after them.

    Ids are text ("001" stays "001") in Unicode's form NFC; NaN is undefined. A score that the rows lack, such as those
    of an earlier version, is all NaN, which means not computed; a text that they lack is "n/a".
    """
    import pandas as pd

    table = pd.DataFrame(list(rows))
    further = [name for name in table.columns if name not in CASE_COLUMNS]
    table = table.reindex(columns=[*CASE_COLUMNS, *further])
    table[["ivh", "patient_id"]] = table[["ivh", "patient_id"]].astype(object).fillna(UNKNOWN)
    table = table.astype(dict.fromkeys(TEXT_COLUMNS, str) | {"fold": int} | dict.fromkeys(NUMBER_COLUMNS, float))
    for name in ("case_id", "patient_id"):
        table[name] = table[name].map(canonical_id)
    return table.sort_values("case_id", ignore_index=True)


Scores = Mapping[str, float | None]
"""Case id to score; NaN or None = not computed."""


def scores_by_case(side: str, rows: Iterable[tuple[str, float | None]]) -> dict[str, float | None]:
    """Scores from the rows of a table, by case ids in Unicode's form NFC.

    Raises:
        BadInput: a case id occurs twice; every such id is named.
    """
    by_id = [(canonical_id(name), value) for name, value in rows]
    scores = dict(by_id)
    if len(scores) < len(by_id):
        twice = sorted(case_id for case_id, num_rows in Counter(name for name, _ in by_id).items() if num_rows > 1)
        raise BadInput(f"{side}: more than one row for {', '.join(twice)}; keep one row a case")
    return scores
