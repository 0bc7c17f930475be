"""Check of a user's components before anything is trained: what each builds is tried on a tiny batch."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hemosweep.ablation.sweep import Arm
from hemosweep.components.project import place_in
from hemosweep.components.protocols import Augmentation
from hemosweep.components.record import place_of, type_name
from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.identity.stages import is_own
from hemosweep.inference.mask import lesion_mask
from hemosweep.model.networks.extras import check_extra
from hemosweep.model.outputs import Output, loss_of_outputs
from hemosweep.plugins import one_line
from hemosweep.scores.catalogue import all_metrics
from hemosweep.scores.metric import Metric, describe
from hemosweep.scores.score_case import score_case

_BATCH = 2


def check_components(arms: Iterable[Arm], metrics: Sequence[Metric], project: Path) -> None:
    """Try each network, loss, optimiser, schedule, augmentation, post-processing and metric that is not hemosweep's.

    Regions, intensities and weight maps need a case; they are checked when they meet the first one. Of a network of
    hemosweep's, the packages that it needs are looked for.

    Raises:
        BadInput: one fails or returns what cannot be used; the message names file and line.
    """
    tried: set[Any] = set()
    for arm in arms:
        config = arm.config
        check_extra(config.network)
        parts = (
            config.network,
            config.training.loss,
            config.training.optimiser,
            config.training.schedule,
            *config.sampling.transforms,
            *config.inference.postprocessing,
        )
        theirs = [part for part in parts if not is_own(type_name(part))]
        key = (*parts, config.sampling.patch_HWD, config.preprocessing.channels)
        if theirs and key not in tried:
            tried.add(key)
            _check_arm(config, project)
    named = {metric.name: metric for metric in all_metrics()}
    for metric in metrics:
        if not is_own(type_name(metric)):
            _check_metric(metric, project)
        other = named.setdefault(metric.name, metric)
        if other != metric:
            what = f"takes the name {metric.name} of {type_name(other)}"
            raise _wrong("metric", metric, what, "give it another name")


def _check_arm(config: ArmConfig, project: Path) -> None:
    network, loss = config.network, config.training.loss
    in_channels = len(config.preprocessing.channels)
    torch.manual_seed(0)
    module = _tried("network", network, project, lambda: network.build(in_channels=in_channels))
    if not isinstance(module, torch.nn.Module):
        raise _wrong("network", network, f"build returns a {type(module).__name__}", "return an nn.Module")
    shape_DHW = config.labelled_DHW
    x_BCDHW = torch.randn((_BATCH, in_channels, *config.sampling.patch_DHW))
    label_BDHW = (torch.rand((_BATCH, *shape_DHW)) > 0.7).long()
    outputs = _tried("network", network, project, lambda: module(x_BCDHW))
    has_several = isinstance(outputs, tuple) and outputs and all(isinstance(one, Output) for one in outputs)
    if has_several:
        _tried("network", network, project, lambda: loss_of_outputs(_any_loss, outputs, label_BDHW))
    logits_BCDHW = outputs[0].logits if has_several else outputs
    expected = (_BATCH, 2, *shape_DHW)
    if not isinstance(logits_BCDHW, torch.Tensor) or logits_BCDHW.shape != expected:
        given = tuple(logits_BCDHW.shape) if isinstance(logits_BCDHW, torch.Tensor) else type(logits_BCDHW).__name__
        raise _wrong(
            "network", network, f"of {tuple(x_BCDHW.shape)} it makes {given}", f"return logits {expected}, two classes"
        )
    if not logits_BCDHW.isfinite().all():
        what, way_out = "of normal noise it makes values that are not finite", "keep its logits in range"
        raise _wrong("network", network, what, way_out)
    function = _tried("loss", loss, project, loss.build)
    if not callable(function):
        raise _wrong(
            "loss", loss, f"build returns a {type(function).__name__}", "return a function of logits and labels"
        )
    # Not the network's own output: what is wrong is then the loss.
    logits_BCDHW = logits_BCDHW.detach().float().requires_grad_()
    weights = [] if config.training.weight_map is None else [torch.rand(label_BDHW.shape) + 0.5]
    value = _tried("loss", loss, project, lambda: function(logits_BCDHW, label_BDHW, *weights))
    if not isinstance(value, torch.Tensor) or value.ndim or not value.isfinite():
        given = f"tensor {tuple(value.shape)}" if isinstance(value, torch.Tensor) and value.ndim else repr(value)
        raise _wrong("loss", loss, f"its value is {given}", "return one finite number as a tensor, such as a mean")
    if not value.requires_grad:
        raise _wrong("loss", loss, "its value has no gradient", "compute it from the logits with torch alone")
    _tried("loss", loss, project, value.backward)
    if logits_BCDHW.grad is None or not logits_BCDHW.grad.any():
        raise _wrong("loss", loss, "its gradient is zero everywhere", "let it depend on the logits, without argmax")
    if not logits_BCDHW.grad.isfinite().all():
        raise _wrong("loss", loss, "its gradient is not finite", "keep off roots, logarithms and quotients of zero")
    optimiser, schedule = config.training.optimiser, config.training.schedule
    made = _tried("optimiser", optimiser, project, lambda: optimiser.build(module.parameters(), on_cuda=False))
    if not isinstance(made, torch.optim.Optimizer):
        raise _wrong("optimiser", optimiser, f"build returns a {type(made).__name__}", "return a torch.optim.Optimizer")
    factor = _tried("schedule", schedule, project, lambda: schedule.build(max_epochs=config.training.max_epochs))
    for losses in ([], [1.0], [1.0, 0.5]):
        rate = _tried("schedule", schedule, project, partial(factor, losses))
        if not isinstance(rate, float | int) or not 0.0 <= rate < math.inf:
            raise _wrong("schedule", schedule, f"its factor is {rate!r}", "return a number of at least 0")
    for transform in config.sampling.transforms:
        _check_transform(transform, config, project)
    for step in config.inference.postprocessing:
        probability_DHW = np.random.default_rng(0).random((4, 12, 10), dtype=np.float32)
        inference = replace(config.inference, postprocessing=(step,))
        _tried("postprocessing", step, project, partial(lesion_mask, probability_DHW, (5.0, 1.0, 1.0), inference))


def _check_transform(transform: Augmentation, config: ArmConfig, project: Path) -> None:
    shape_DHW = config.sampling.patch_DHW
    x_BCDHW = torch.rand((_BATCH, len(config.preprocessing.channels), *shape_DHW)) * 2.0 - 1.0
    maps = [(torch.rand((_BATCH, *shape_DHW)) > 0.7).long(), torch.rand((_BATCH, *shape_DHW))]
    before = (x_BCDHW, *maps[: 1 if config.training.weight_map is None else 2])
    after = _tried("transforms", transform, project, lambda: _flat(transform.build()(before[0], before[1:])))
    given, wanted = ([(tuple(one.shape), one.dtype) for one in batch] for batch in (after, before))
    if given != wanted:
        raise _wrong("transforms", transform, f"it returns {given}", f"return the images and the maps, {wanted}")


def _flat(batch: tuple[torch.Tensor, tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    x_BCDHW, maps = batch
    return x_BCDHW, *maps


def _any_loss(logits_BCDHW: torch.Tensor, label_BDHW: torch.Tensor) -> torch.Tensor:
    return logits_BCDHW.mean()


def _check_metric(metric: Metric, project: Path) -> None:
    description = _tried("metric", metric, project, lambda: describe(metric))
    if not isinstance(description.name, str) or not description.name.isidentifier():
        raise _wrong("metric", metric, f"its name is {description.name!r}", "give a plain name, such as boundary_iou")
    masks = [np.zeros((4, 5, 6), dtype=bool) for _ in range(3)]
    masks[0][1:3, 1:3, 1:4] = True
    masks[1][1:3, 2:4, 1:4] = True
    for prediction, reference in [*pairwise(masks), (masks[2], masks[2]), (masks[2], masks[0])]:
        scores = _tried(
            "metric",
            metric,
            project,
            partial(score_case, prediction, reference, spacing_DHW_mm=(5.0, 1.0, 1.0), metrics=(metric,)),
        )
        value = scores[metric.name]
        if value is not None and (not isinstance(value, float | int) or not math.isfinite(value)):
            raise _wrong("metric", metric, f"its score is {value!r}", "return a number, or None where it is undefined")


def _tried(role: str, component: object, project: Path, action: Callable[[], Any]) -> Any:
    """Value of an action of a component.

    Raises:
        BadInput: it fails.
    """
    try:
        return action()
    except Exception as error:
        name = type(component).__name__
        where = place_in(project, error) or place_of(type(component))
        if isinstance(error, HemosweepError):
            raise BadInput(f"{where}: {error}") from error
        raise BadInput(f"{where}: {role} {name} fails ({one_line(error)}); mend it there") from error


def _wrong(role: str, component: object, what: str, way_out: str) -> BadInput:
    cls = type(component)
    return BadInput(f"{role} {cls.__name__} ({place_of(cls)}): {what}; {way_out}")
