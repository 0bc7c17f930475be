"""Kinds of metrics, for what the metrics of a kind have in common."""


class Share:
    """Metric from 0 to 1, of which more is better."""

    __slots__ = ()
    unit = ""
    higher_is_better: bool | None = True
    lowest: float | None = 0.0
    highest: float | None = 1.0
    averaged = True


class Distance:
    """Metric in mm, of which less is better."""

    __slots__ = ()
    unit = "mm"
    higher_is_better: bool | None = False
    lowest: float | None = 0.0
    highest: float | None = None
    averaged = True


class Volume:
    """Volume in mL, which does not measure by itself how good a prediction is."""

    __slots__ = ()
    unit = "mL"
    higher_is_better: bool | None = None
    lowest: float | None = 0.0
    highest: float | None = None
    averaged = False
