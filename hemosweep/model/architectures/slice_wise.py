"""A 2D network on the slices of a patch."""

from torch import Tensor, nn

from hemosweep.model.outputs import Output, Outputs


class SliceWise(nn.Module):
    """A 2D network that sees each slice of a patch alone, or together with its neighbours.

    Slices are patches of their own to the 2D network: D is folded into the batch. With `num_neighbours` k it sees
    2k + 1 slices as channels, those of the first slice first, and labels the one in the middle; the outermost k slices
    of a patch at either end are context.

    Maps `x_BCDHW` to what the 2D network makes of its slices: logits `(B, 2, D - 2k, H, W)`, or in training a tuple of
    `Output` with these first, whose logits of a slice `(B * D, 2)` become `(B, 2, D)`.

    Args:
        network: maps `x_BCHW` of (2k + 1) times the patch's channels to logits `(B, 2, H, W)`; in training it may
            return a tuple of `Output` instead, with logits `(B, 2, h, w)` or `(B, 2)`.
    """

    def __init__(self, network: nn.Module, *, num_neighbours: int = 0) -> None:
        super().__init__()
        self.network = network
        self.num_neighbours = num_neighbours

    def forward(self, x_BCDHW: Tensor) -> Outputs:
        if self.num_neighbours:
            runs_BCDHWK = x_BCDHW.unfold(2, 2 * self.num_neighbours + 1, 1)
            x_BCDHW = runs_BCDHWK.permute(0, 5, 1, 2, 3, 4).flatten(1, 2)
        num_slices = x_BCDHW.shape[2]
        outputs: Outputs = self.network(x_BCDHW.transpose(1, 2).flatten(0, 1))
        if isinstance(outputs, Tensor):
            return _as_patch(outputs, num_slices)
        return tuple(Output(_as_patch(logits, num_slices), weight) for logits, weight in outputs)


def _as_patch(logits: Tensor, num_slices: int) -> Tensor:
    """Logits of slices, `(B * D, 2, ...)`, as those of patches, `(B, 2, D, ...)`."""
    of_slices: Tensor = logits.unflatten(0, (-1, num_slices))
    return of_slices.transpose(1, 2)
