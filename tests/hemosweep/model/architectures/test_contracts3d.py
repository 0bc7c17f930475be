"""The 3D networks keep the contract, narrow ones. Those that halve often, whose patches are large, are slow tests, and
so are those of other packages, which take seconds to import."""

import pytest

from hemosweep.model.networks.cicek_unet3d import CicekUNet3D
from hemosweep.model.networks.cnn_ds_like import CNNDSLike
from hemosweep.model.networks.deepbleed import DeepBleedVNet
from hemosweep.model.networks.dna_unets import PlainConv, ResEnc
from hemosweep.model.networks.dynunet import DynUNet
from hemosweep.model.networks.hybrid3d2d_fpn import Hybrid3D2DFPN
from hemosweep.model.networks.mednext import MedNeXtS
from hemosweep.model.networks.segresnet import SegResNet
from hemosweep.model.networks.swin_unetr import SwinUNETR
from hemosweep.model.networks.unetr import UNETR
from hemosweep.testing.networks import NetworkContract


@pytest.mark.parametrize("component", [CicekUNet3D(width=2), Hybrid3D2DFPN(width=2)], ids=str)
class TestSmall(NetworkContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


@pytest.mark.slow
@pytest.mark.parametrize(
    "component",
    [
        DeepBleedVNet(width=2),
        DeepBleedVNet(width=2, tied=False),
        CNNDSLike(width=2),
        SegResNet(width=8),
        DynUNet(width=2),
        MedNeXtS(width=2),
        UNETR(width=1, patch_HWD=(32, 16, 16)),
        PlainConv(width=2),
        ResEnc(width=2),
    ],
    ids=str,
)
class TestLarge(NetworkContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestSwinUNETR(NetworkContract):
    """It cannot be narrower than this, nor can its patches be smaller: one number of channels must do."""

    component = SwinUNETR(width=12)
    in_channels = (2,)
