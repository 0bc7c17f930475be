"""Names of cases in another program's data set, which are file names there."""

import re
from collections.abc import Iterable

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_CHANNEL = re.compile(r".*_\d{4}")
"""Names that nnU-Net would take for a channel of a case."""


def safe_names(case_ids: Iterable[str]) -> dict[str, str]:
    """Case id to a name that is safe in any file system and program: the id itself where it is, else a number.

    Safe are ASCII letters, digits, `_` and `-`, up to 60 of them. No two names differ in capitals alone.
    """
    ordered = sorted(case_ids)
    lower = [case_id.lower() for case_id in ordered]
    names = {
        case_id: case_id
        for case_id in ordered
        if _SAFE.fullmatch(case_id) and not _CHANNEL.fullmatch(case_id) and lower.count(case_id.lower()) == 1
    }
    taken, number = {name.lower() for name in names.values()}, 0
    for case_id in ordered:
        if case_id in names:
            continue
        number += 1
        while f"case_{number:03}" in taken:
            number += 1
        names[case_id] = f"case_{number:03}"
    return {case_id: names[case_id] for case_id in ordered}
