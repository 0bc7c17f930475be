"""Remarks on cases: one line for each peculiarity, however many cases have it."""

from collections.abc import Mapping, Sequence

MAX_NAMED_IN_REMARK = 3


def grouped(noticed: Mapping[str, Sequence[str]], total: int | None = None) -> list[str]:
    """Each warning once, with the cases that it is about.

    Args:
        noticed: case id to its warnings.
        total: number of all cases, where `noticed` leaves those without a warning out.
    """
    total = len(noticed) if total is None else total
    about: dict[str, list[str]] = {}
    for case_id, texts in noticed.items():
        for text in texts:
            about.setdefault(text, []).append(case_id)
    return [f"{len(ids)} of {total} cases ({_named(ids)}): {text}" for text, ids in about.items()]


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:MAX_NAMED_IN_REMARK]) + (", ..." if len(ids) > MAX_NAMED_IN_REMARK else "")
