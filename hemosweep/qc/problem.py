"""Findings of a check: single problems, and the report of a data set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
MAX_NAMED_IN_PROBLEM = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong with a case, or with the data set where `case_id` is empty.

    An error means that the case cannot be used, a warning that somebody should look at it, an info only tells. `kind`
    is a short slug, `message` one line: what, where and the way out.
    """

    case_id: str
    kind: str
    severity: Severity
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """All problems of a data set, case by case in the order of its table, those of the whole data set last."""

    case_ids: tuple[str, ...]
    trainable_ids: tuple[str, ...]
    problems: tuple[Problem, ...]
    before_training: tuple[str, ...] = ()
    """Reasons to refuse a sweep, one sentence each."""

    def count(self, severity: Severity) -> int:
        return sum(problem.severity == severity for problem in self.problems)

    @property
    def usable_ids(self) -> tuple[str, ...]:
        """Cases without an error."""
        broken = {problem.case_id for problem in self.problems if problem.severity == "error"}
        return tuple(case_id for case_id in self.case_ids if case_id not in broken)

    def as_json(self) -> dict[str, Any]:
        return {
            "num_cases": len(self.case_ids),
            "num_usable": len(self.usable_ids),
            "num_trainable": len(self.trainable_ids),
            "num_errors": self.count("error"),
            "num_warnings": self.count("warning"),
            "num_infos": self.count("info"),
            "usable": list(self.usable_ids),
            "trainable": list(self.trainable_ids),
            "before_training": list(self.before_training),
            "problems": [asdict(problem) for problem in self.problems],
        }

    def as_rows(self) -> list[tuple[str, str, str, str]]:
        """Severity, kind, cases and message, errors first; cases with the same message, and infos of one kind, share a
        row."""
        rows: dict[tuple[str, ...], list[Problem]] = {}
        for problem in sorted(self.problems, key=lambda problem: SEVERITIES.index(problem.severity)):
            alike = problem.kind if problem.severity == "info" else problem.message
            rows.setdefault((problem.severity, problem.kind, alike, "case" if problem.case_id else ""), []).append(
                problem
            )
        return [
            (severity, kind, named([problem.case_id for problem in alike if problem.case_id]), _message(alike))
            for (severity, kind, *_), alike in rows.items()
        ]

    def as_lines(self) -> list[str]:
        """Number of usable cases, and number of problems."""
        num_cases, num_usable = len(self.case_ids), len(self.usable_ids)
        usable = "all usable" if num_usable == num_cases else f"{num_usable} usable, {num_cases - num_usable} not"
        without_mask = num_usable - len(self.trainable_ids)
        if without_mask:
            usable += f", {without_mask} of them for prediction only"
        counts = [_counted(self.count(severity), severity) for severity in SEVERITIES]
        return [
            f"{_counted(num_cases, 'case')}: {usable}",
            ", ".join(counts),
            *(f"before a sweep: {text}" for text in self.before_training),
        ]


def named(case_ids: Sequence[str]) -> str:
    """The first few ids, and how many more there are; empty for the data set as a whole."""
    more = len(case_ids) - MAX_NAMED_IN_PROBLEM
    return ", ".join(case_ids[:MAX_NAMED_IN_PROBLEM]) + (f" and {more} more" if more > 0 else "")


def _message(alike: Sequence[Problem]) -> str:
    if len({problem.message for problem in alike}) == 1:
        return alike[0].message
    first = alike[0]
    likewise = f"{first.case_id}; others likewise" if first.case_id else f"and {len(alike) - 1} more like it"
    return f"{first.message} ({likewise})"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
