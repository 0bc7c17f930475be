"""The U-Nets that nnU-Net trains, from its package of architectures. Only nnU-Net itself may be called nnU-Net."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hemosweep.model.networks.anisotropic_plan import kernels, multiple_of, widths
from hemosweep.model.networks.checks import check_network
from hemosweep.model.networks.extras import NNUNET, of_extra

if TYPE_CHECKING:
    from torch import nn

STRIDES = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))
"""Stride of each level along D, H and W."""
RESIDUAL_BLOCKS = (1, 3, 4, 6, 6, 6)
"""Residual blocks of each level of the encoder, size M."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainConv:
    """nnU-Net's plain U-Net (Isensee et al. 2021) with a plan for thick slices; needs `hemosweep[nnunet]`.

    Six levels of 32 to 320 channels with two convolutions each, kernels and strides by nnU-Net's rules
    (`anisotropic_plan`), instance normalisation, leaky ReLU and nnU-Net's initialisation: 30,338,954 parameters with
    one input channel.

    Deep supervision: in training each level of the decoder gives logits, whose losses have weights of 1, 1/2, 1/4 and
    so on, made to sum to 1. (nnU-Net leaves out the coarsest of these.)

    The network is not the method: nnU-Net is its recipe, too.
    """

    extra: ClassVar[str] = NNUNET
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """4 slices, 32 in plane: two halvings, and three more in plane."""
        return multiple_of(STRIDES)

    def build(self, *, in_channels: int) -> "nn.Module":
        return _built(self, "PlainConvUNet", in_channels, n_conv_per_stage=2, n_conv_per_stage_decoder=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResEnc:
    """nnU-Net's residual-encoder U-Net of size M (Isensee et al. 2024) with the plan and the deep supervision of
    `PlainConv`; needs `hemosweep[nnunet]`.

    101,271,946 parameters with one input channel.
    """

    extra: ClassVar[str] = NNUNET
    width: int = 32

    def __post_init__(self) -> None:
        check_network(width=self.width)

    @property
    def patch_multiple(self) -> tuple[int, int, int]:
        """4 slices, 32 in plane: two halvings, and three more in plane."""
        return multiple_of(STRIDES)

    def build(self, *, in_channels: int) -> "nn.Module":
        blocks = {"n_blocks_per_stage": RESIDUAL_BLOCKS, "n_conv_per_stage_decoder": 1}
        return _built(self, "ResidualEncoderUNet", in_channels, **blocks)


def _built(component: PlainConv | ResEnc, name: str, in_channels: int, **blocks: Any) -> "nn.Module":
    from torch import nn

    from hemosweep.model.architectures.deep_supervision import DeeplySupervised

    unets = of_extra(component, "dynamic_network_architectures.architectures.unet")
    network = getattr(unets, name)(
        input_channels=in_channels,
        n_stages=len(STRIDES),
        features_per_stage=widths(component.width, len(STRIDES)),
        conv_op=nn.Conv3d,
        kernel_sizes=kernels(len(STRIDES)),
        strides=STRIDES,
        num_classes=2,
        conv_bias=True,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
        **blocks,
    )
    network.apply(network.initialize)
    return DeeplySupervised(network)
