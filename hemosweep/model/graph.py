"""Graph of a network's feature maps, found by sending one patch through the network itself.

The patch has no values (torch's "meta" device), so that any width costs nothing. A layer with a kernel makes a feature
map; layers that keep its size, such as normalisations and rectifiers, are noted on it. Two maps that become one are a
concatenation or a sum.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MAP_AXES = (4, 5)
"""Axes of a feature map: (B, C, D, H, W), or (B * D, C, H, W) within a 2D network."""
_REORDERED = frozenset(
    {"movedim", "permute", "transpose", "swapaxes", "reshape", "view", "flatten", "unflatten", "unfold", "squeeze"}
    | {"unsqueeze", "stack", "contiguous"}
)
"""Functions that put the values of one map in another order: what they return is no map of its own."""
INPUT, CONCATENATION, SUM = "input", "concatenation", "sum"
_SAME_SIZE = {
    "BatchNorm": "batch normalisation",
    "BatchNorm2d": "batch normalisation",
    "BatchNorm3d": "batch normalisation",
    "InstanceNorm2d": "instance normalisation",
    "InstanceNorm3d": "instance normalisation",
    "GroupNorm": "group normalisation",
    "ReLU": "ReLU",
    "LeakyReLU": "leaky ReLU",
    "PReLU": "PReLU",
    "Dropout": "dropout",
    "Dropout2d": "channel dropout",
    "Dropout3d": "channel dropout",
}


@dataclass(kw_only=True, slots=True)
class FeatureMap:
    """A feature map: the layer that makes it, its channels and its size, the maps that it is made from by their
    numbers, and notes on what is done to it without a change of size. `gate` is the ratio C / hidden of a
    squeeze-and-excitation block behind it, None without one."""

    layer: str
    channels: int
    size_DHW: tuple[int, ...]
    sources: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)
    gate: float | None = None


class NotFollowed(Exception):
    """The feature maps of a network cannot be followed; the message says why."""


def feature_maps(network: nn.Module, in_channels: int, patch_DHW: tuple[int, int, int]) -> list[FeatureMap]:
    """The feature maps of a network in the order in which it makes them; the first one is its input.

    The network loses its weights: give one that was built for this.

    Raises:
        NotFollowed: the network needs the values of its input, or a map has no source that was seen.
    """
    patch = torch.empty(1, in_channels, *patch_DHW, device="meta")
    trace = _Trace(patch)
    try:
        network = network.to("meta").eval()
        with torch.no_grad(), trace.watching(network), trace:
            network(patch)
    except NotFollowed:
        raise
    except Exception as error:  # Its message may name a folder, and the reason is drawn.
        raise NotFollowed(f"it fails without the values of a patch ({type(error).__name__})") from error
    return trace.maps


class _Trace(TorchFunctionMode):
    """Watches the layers of a network, and the functions between them."""

    def __init__(self, patch: Tensor) -> None:
        super().__init__()
        self.maps = [FeatureMap(layer=INPUT, channels=patch.shape[1], size_DHW=_size(patch))]
        self._made_by: dict[int, int] = {id(patch): 0}
        self._kept: list[Any] = [patch]  # The id of a tensor that is gone may be another one's.
        self._inside = 0

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        with ExitStack() as stack:
            for module in network.modules():
                if _is_gate(module) or (not any(True for _ in module.children()) and not _inside_gate(module, network)):
                    stack.callback(module.register_forward_pre_hook(self._before).remove)
                    stack.callback(module.register_forward_hook(self._after).remove)
            yield

    def _before(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._inside += not _joins(module, inputs)

    def _after(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if _joins(module, inputs):
            return
        self._inside -= 1
        if not isinstance(output, Tensor) or output.ndim not in MAP_AXES:
            return
        source = self._source(inputs[0]) if inputs else None
        if source is None:
            raise NotFollowed(f"the input of a {type(module).__name__} was made in a way that is not seen")
        if _is_gate(module):
            self.maps[source].gate = _ratio(module)
            self._set(output, source)
        elif (
            hasattr(module, "kernel_size")
            or _size(output) != self.maps[source].size_DHW
            or (output.shape[1] != self.maps[source].channels)
        ):
            self._add(output, _name(module), (source,), module)
        else:
            self.maps[source].notes += _notes(module)
            self._set(output, source)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if self._inside or not isinstance(output, Tensor):
            return output
        tensors = [value for value in _flat(args) if isinstance(value, Tensor)]
        sources = [source for source in map(self._source, tensors) if source is not None]
        if not sources:
            return output
        merged = len(set(sources)) > 1
        name = getattr(func, "__name__", "")
        if output.ndim not in MAP_AXES or (name in _REORDERED and not merged):
            self._set(output, sources[0])
            return output
        if merged:
            kind = CONCATENATION if name in ("cat", "concat", "concatenate") else SUM if "add" in name else name
            self._add(output, kind, tuple(sources))
        elif _changes(output, self.maps[sources[0]]):
            self._add(output, name, (sources[0],))
        else:
            self._set(output, sources[0])
        return output

    def _source(self, tensor: Any) -> int | None:
        return self._made_by.get(id(tensor))

    def _set(self, tensor: Tensor, number: int) -> None:
        self._made_by[id(tensor)] = number
        self._kept.append(tensor)

    def _add(self, output: Tensor, layer: str, sources: tuple[int, ...], module: nn.Module | None = None) -> None:
        self.maps.append(
            FeatureMap(
                layer=layer,
                channels=output.shape[1],
                size_DHW=_size(output),
                sources=sources,
                kernel=_triple(getattr(module, "kernel_size", ()), output.ndim),
                stride=_triple(getattr(module, "stride", ()), output.ndim),
            )
        )
        self._set(output, len(self.maps) - 1)


def _changes(output: Tensor, source: FeatureMap) -> bool:
    return output.shape[1] != source.channels or _size(output) != source.size_DHW


def _size(tensor: Tensor) -> tuple[int, ...]:
    """D, H and W of a map; of one whose slices lie along the first axis, as in a 2D network, D is that axis: the trace
    sends one patch."""
    return (tensor.shape[0], *tensor.shape[2:]) if tensor.ndim == 4 else tuple(tensor.shape[2:])


def _joins(module: nn.Module, inputs: tuple[Any, ...]) -> bool:
    """True for a layer without weights that makes one map of several: the function in it says how."""
    return sum(isinstance(value, Tensor) for value in inputs) > 1 and not any(True for _ in module.parameters())


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _flat(value)
        else:
            yield value


def _is_gate(module: nn.Module) -> bool:
    """True for a squeeze-and-excitation block: two linear layers over the channels and back, and no convolution."""
    return _ratio(module) is not None and not any(isinstance(part, nn.Conv2d | nn.Conv3d) for part in module.modules())


def _ratio(module: nn.Module) -> float | None:
    """C / hidden of two linear layers C -> hidden -> C, hidden below C; None for anything else."""
    linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if len(linear) != 2 or isinstance(module, nn.Linear):
        return None
    channels, hidden = linear[0].in_features, linear[0].out_features
    return channels / hidden if linear[1].out_features == channels and hidden < channels else None


def _inside_gate(module: nn.Module, network: nn.Module) -> bool:
    return any(_is_gate(block) and module in set(block.modules()) for block in network.modules())


def _name(module: nn.Module) -> str:
    return type(module).__name__


def _notes(module: nn.Module) -> list[str]:
    """Notes on a layer that keeps the size; none for one that does nothing."""
    name = type(module).__name__
    if isinstance(module, nn.Identity) or getattr(module, "p", None) == 0.0:
        return []
    return [_SAME_SIZE.get(name, name), *(["ReLU"] if getattr(module, "relu", False) is True else [])]


def _triple(value: Any, num_axes: int) -> tuple[int, ...]:
    """A kernel or a stride as three numbers; none where there is none. That of a map of slices is one slice deep."""
    values = (value,) * (num_axes - 2) if isinstance(value, int) else value
    if not (isinstance(values, (tuple, list)) and values):
        return ()
    return (1, *values) if num_axes == 4 else tuple(values)
