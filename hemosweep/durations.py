"""Times as people write them."""

import re

from hemosweep.errors import BadInput

_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def duration(seconds: float) -> str:
    """Seconds as readable text: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def read_seconds(option: str, text: str) -> float:
    """Seconds of a time such as 45m, 1h30m or 2d.

    Raises:
        BadInput: the text is no such time.
    """
    if not re.fullmatch(r"(\d+[dhms])+", text):
        raise BadInput(f"{option} {text!r}: give a time such as 45m, 1h30m or 2d")
    return float(sum(int(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+)([dhms])", text)))
