"""Results of other methods as the paper's Table 6 prints them, with the metric and the test set of each.

The notes are facts of the methods' own abstracts and public code, where these differ from what the paper prints.
"""

from dataclasses import dataclass
from functools import cache

from hemosweep.report.paper.printed import paper_results


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """A row of Table 6. `printed` is the paper's own figure; None stands for what is not stated."""

    author: str
    method: str
    printed: str | None
    metric: str | None
    test_set: str | None
    note: str


@cache
def published_results() -> tuple[PublishedResult, ...]:
    """The rows in the paper's order."""
    return tuple(PublishedResult(**values) for values in paper_results()["table6"])
