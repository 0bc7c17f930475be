"""Optimisers as torch makes them, and schedules against factors worked by hand."""

import math

import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.optimisers.adam import Adam, AdamW
from hemosweep.model.optimisers.sgd import SGD
from hemosweep.model.schedules.constant import Constant
from hemosweep.model.schedules.cosine import Cosine
from hemosweep.model.schedules.plateau import Plateau
from hemosweep.model.schedules.poly import Poly


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (Adadelta(learning_rate=0.5, rho=0.95), {"lr": 0.5, "rho": 0.95, "eps": 1e-6}),
        (SGD(), {"lr": 0.01, "momentum": 0.99, "nesterov": True, "weight_decay": 3e-5}),
        (Adam(beta1=0.8), {"lr": 1e-3, "betas": (0.8, 0.999), "weight_decay": 0.0}),
        (AdamW(weight_decay=0.1), {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_optimiser_of_torch_has_the_component_s_values(component, expected):
    (group,) = component.build([torch.nn.Parameter(torch.zeros(2))], on_cuda=False).param_groups
    assert {name: group[name] for name in expected} == expected
    assert not group.get("capturable", False)


@pytest.mark.parametrize(
    ("gradients", "steps"),
    [
        ((3.0, 4.0), (1.5, 2.0)),  # The norm of both is 5, and 2.5 is left of it.
        ((0.6, -0.8), (0.6, -0.8)),
        ((0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_a_gradient_that_is_too_long_is_shortened_over_all_parameters(gradients, steps):
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in (*gradients, "without a gradient")]
    component = SGD(learning_rate=1.0, momentum=0.0, nesterov=False, weight_decay=0.0, clip_norm=2.5)
    optimizer = component.build(iter(parameters), on_cuda=False)
    for parameter, gradient in zip(parameters, gradients, strict=False):
        parameter.grad = torch.tensor([gradient])
    optimizer.step()
    assert [-parameter.item() for parameter in parameters] == pytest.approx([*steps, 0.0], rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Adadelta, {"learning_rate": 0.0}),
        (SGD, {"momentum": 1.0}),
        (SGD, {"nesterov": True, "momentum": 0.0}),
        (SGD, {"clip_norm": 0.0}),
        (SGD, {"clip_norm": math.nan}),
        (Adam, {"beta2": -0.1}),
        (AdamW, {"weight_decay": math.inf}),
        (Poly, {"power": 0.0}),
        (Cosine, {"lowest": 1.0}),
        (Plateau, {"factor": 1.0}),
        (Plateau, {"patience": 0}),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(kind, values):
    with pytest.raises(BadInput, match=next(iter(values))):
        kind(**values)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Constant(), [1.0, 1.0, 1.0, 1.0, 1.0]),
        (Poly(power=1.0), [1.0, 0.75, 0.5, 0.25, 0.0]),
        (Poly(power=2.0), [1.0, 0.5625, 0.25, 0.0625, 0.0]),
        (Cosine(), [1.0, 0.8535534, 0.5, 0.1464466, 0.0]),
        (Cosine(lowest=0.5), [1.0, 0.9267767, 0.75, 0.5732233, 0.5]),
    ],
    ids=str,
)
def test_a_schedule_of_time_follows_its_formula(schedule, factors):
    factor = schedule.build(max_epochs=4)
    assert [factor([1.0] * epoch) for epoch in range(5)] == pytest.approx(factors)


def test_a_plateau_cuts_after_each_run_of_epochs_without_a_better_loss():
    factor = Plateau(factor=0.5, patience=2).build(max_epochs=100)
    losses = [1.0, 0.9, 0.95, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8]
    # Cuts after 0.95, 0.9 (not better than 0.9), and after each two of the last four.
    assert [factor(losses[:epoch]) for epoch in range(10)] == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
