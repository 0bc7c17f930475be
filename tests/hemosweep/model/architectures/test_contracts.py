"""The 2D and 2.5D networks keep the contract of every network, narrow ones; they train at full width."""

import pytest
import torch

from hemosweep.components.context import context_of
from hemosweep.errors import BadInput
from hemosweep.model.networks.cascade_like import CascadeLike
from hemosweep.model.networks.ednet_like import EDNetLike
from hemosweep.model.networks.hssayeni import HssayeniUNet
from hemosweep.model.networks.multiview_like import MultiViewLike
from hemosweep.model.networks.patchfcn import PatchFCN
from hemosweep.model.networks.psinet_like import PsiNetLike
from hemosweep.model.networks.se_unet_2d import SEUNet2D
from hemosweep.model.networks.siamese_sym import SiameseSym
from hemosweep.model.networks.sunet import SUNetX5
from hemosweep.model.outputs import loss_of_outputs
from hemosweep.testing.networks import NetworkContract

NARROW = [
    EDNetLike(width=4),
    HssayeniUNet(width=4),
    MultiViewLike(width=4),
    PatchFCN(width=2),
    PsiNetLike(width=4),
    SEUNet2D(width=4),
    SUNetX5(width=4),
]
NARROW_OF_TWO_CHANNELS = [CascadeLike(width=4), SiameseSym(width=4)]
FULL = [
    (CascadeLike(), 2, 84_415_624),
    (EDNetLike(), 1, 26_944_738),
    (HssayeniUNet(), 1, 31_031_685),  # As counted on the public code.
    (MultiViewLike(), 1, 1_155_327),
    (PatchFCN(), 1, 25_989_938),  # As the public code of DRN-D-38 with two classes.
    (PsiNetLike(), 1, 8_680_865),
    (SEUNet2D(), 1, 31_254_658),
    (SiameseSym(), 2, 34_169_986),
    (SUNetX5(), 1, 591_962),  # As the public code with one channel.
]


def name_of(value):
    return type(value).__name__ if hasattr(value, "build") else None


@pytest.mark.slow
@pytest.mark.parametrize("component", NARROW, ids=name_of)
class TestAnyChannels(NetworkContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


@pytest.mark.slow
@pytest.mark.parametrize("component", NARROW_OF_TWO_CHANNELS, ids=name_of)
class TestTwoChannels(NetworkContract):
    in_channels = (2,)

    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def patch_and_label(component, in_channels, size=32):
    """Two patches with two labelled slices, and what is bright in them."""
    depth_context = context_of(component)[0]
    x_BCDHW = torch.randn(2, in_channels, 2 + 2 * depth_context, size, size)
    return x_BCDHW, (x_BCDHW[:, 0, depth_context : depth_context + 2] > 0.5).long()


def step(module, x_BCDHW, label_BDHW):
    """Gradients of one step of training, taken; the names of the parameters that got none."""
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    loss_of_outputs(torch.nn.functional.cross_entropy, module.train()(x_BCDHW), label_BDHW).backward()
    optimizer.step()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    optimizer.zero_grad(set_to_none=True)
    return {name for name, gradient in gradients.items() if not gradient.abs().sum() > 0}


@pytest.mark.parametrize("component", NARROW + NARROW_OF_TWO_CHANNELS, ids=name_of)
def test_a_narrow_one_trains_and_labels_each_slice(component):
    torch.manual_seed(0)
    x_BCDHW, label_BDHW = patch_and_label(component, 2, size=16)
    module = component.build(in_channels=2)
    step(module, x_BCDHW, label_BDHW)
    with torch.inference_mode():
        assert module.eval()(x_BCDHW).shape == (2, 2, 2, 16, 16)


@pytest.mark.parametrize(("component", "in_channels", "num_parameters"), FULL, ids=name_of)
def test_the_number_of_parameters_at_full_width(component, in_channels, num_parameters):
    with torch.device("meta"):
        module = component.build(in_channels=in_channels)
    assert sum(parameter.numel() for parameter in module.parameters()) == num_parameters


@pytest.mark.slow
@pytest.mark.parametrize(("component", "in_channels", "num_parameters"), FULL, ids=name_of)
def test_every_parameter_is_trained_at_full_width(component, in_channels, num_parameters):
    torch.manual_seed(0)
    x_BCDHW, label_BDHW = patch_and_label(component, in_channels, size=64)
    module = component.build(in_channels=in_channels)
    # What stands behind a factor that begins at zero is trained from the second step on.
    assert step(module, x_BCDHW, label_BDHW) & step(module, x_BCDHW, label_BDHW) == set()
    with torch.inference_mode():
        logits_BCDHW = module.eval()(x_BCDHW[:1])
    assert logits_BCDHW.shape == (1, 2, 2, 64, 64)
    assert logits_BCDHW.isfinite().all()


@pytest.mark.parametrize(("component", "needs"), [(CascadeLike(), "ct, ct_2"), (SiameseSym(), "ct, symmetric")])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_network_of_two_channels_refuses_other_numbers_in_one_line(component, needs, in_channels):
    with pytest.raises(BadInput, match=f"in_channels={in_channels}: .* made for the channels {needs}$") as refusal:
        component.build(in_channels=in_channels)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("component", [type(one) for one in NARROW + NARROW_OF_TWO_CHANNELS])
def test_a_network_without_channels_is_refused(component):
    with pytest.raises(BadInput, match="width=0: must be at least 1"):
        component(width=0)


@pytest.mark.parametrize(
    ("component", "wrong"),
    [
        (HssayeniUNet, {"dropout": 1.0}),
        (SUNetX5, {"dropout": -0.1}),
        (SEUNet2D, {"reduction": 0}),
        (PsiNetLike, {"slice_weight": -1.0}),
        (PsiNetLike, {"slice_weight": float("inf")}),
        (CascadeLike, {"slice_weight": 0.0}),
    ],
)
def test_other_values_out_of_range_are_refused(component, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(BadInput, match=f"^{name}={value}: must"):
        component(**wrong)
