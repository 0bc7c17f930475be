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


def check_in_channels(channels: tuple[str, ...], in_channels: int) -> None:
    """Refuse another number of input channels than a network is made for.

    Raises:
        BadInput: names the channels.
    """
    if in_channels != len(channels):
        raise BadInput(f"in_channels={in_channels}: this network is made for the channels {', '.join(channels)}")
