"""Ranges of a network's values."""

from hemosweep.errors import BadInput


def check_network(*, dropout: float = 0.0, slice_weight: float = 0.0, **counts: int) -> None:
    """Refuse values that no network can be built with.

    Args:
        counts: whole numbers of at least 1, such as a width.

    Raises:
        BadInput: names the value and its range.
    """
    for name, count in counts.items():
        if count < 1:
            raise BadInput(f"{name}={count}: must be at least 1")
    if not 0.0 <= dropout < 1.0:
        raise BadInput(f"dropout={dropout}: must lie in [0, 1)")
    if not 0.0 <= slice_weight < float("inf"):
        raise BadInput(f"slice_weight={slice_weight}: must not be negative")


def check_two_channels(network: str, in_channels: int, needed: str, way_out: str) -> None:
    """Refuse any number of input channels but two.

    Args:
        needed: the two channels.
        way_out: how a configuration gets them.

    Raises:
        BadInput: names what the network needs.
    """
    if in_channels != 2:
        raise BadInput(f"{network} takes two input channels, {needed}, and was given {in_channels}: {way_out}")
