"""Do other networks segment better, all else equal? (architecture alone; a sweep of hemosweep's own, beside Table 6)

Every arm is the arm `unet` of `se` with another network: the paper's patches, Dice + cross-entropy, Adadelta, negatives
from the brain. How each method was published, with its own input, loss and training, is the sweep `published`; the two
tables are never mixed. An arm named `-like` is of a method that is not public enough for more.

| arm | network |
|---|---|
| `unet`, `se_unet` | the paper's, without and with squeeze-and-excitation |
| `unetr`, `swinunetr`, `mednext-s`, `dynunet`, `segresnet` | MONAI's |
| `resenc`, `plainconv` | nnU-Net's two U-Nets, which are not nnU-Net |
| `unet3d-cicek`, `weightmap-like` | 3D U-Net of two convolutions a level, with four levels and with three |
| `hybrid3d2d-fpn` | slab of five slices in, one out, feature pyramid |
| `deepbleed-tied`, `deepbleed-untied` | V-Net with tied and untied weights |
| `cnn-ds-like` | deeply supervised encoder-decoder |
| `hssayeni`, `psinet-like`, `multiview-like`, `siamese-sym`, `cascade-like`, `patchfcn`, `ednet-like`, `se-unet-2d`, \
`sunetx5` | networks of slices |

A network that cannot take the paper's patch has the next one that it takes; a network that sees a context gets it
around the patch. An epoch and a batch then hold as many voxels as before. `siamese-sym` has the symmetric image as its
second channel, `cascade-like` a second window. The profile narrows every network as it narrows the paper's; where it
has fewer steps than the paper, windows of the test share a quarter in place of a half, in every arm alike.

Command: `make sweep-architecture`, which trains `published`, too; needs `pip install hemosweep[monai,nnunet]`. Expected
cost: 30 minutes on two cores in the demo profile; 120 full trainings in the paper profile.
"""

from collections.abc import Callable, Mapping

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.components.protocols import Network
from hemosweep.config import ArmConfig
from hemosweep.model.networks.cascade_like import CascadeLike
from hemosweep.model.networks.cicek_unet3d import CicekUNet3D
from hemosweep.model.networks.cnn_ds_like import CNNDSLike
from hemosweep.model.networks.deepbleed import DeepBleedVNet
from hemosweep.model.networks.dna_unets import PlainConv, ResEnc
from hemosweep.model.networks.dynunet import DynUNet
from hemosweep.model.networks.ednet_like import EDNetLike
from hemosweep.model.networks.hssayeni import HssayeniUNet
from hemosweep.model.networks.hybrid3d2d_fpn import Hybrid3D2DFPN
from hemosweep.model.networks.mednext import MedNeXtS
from hemosweep.model.networks.multiview_like import MultiViewLike
from hemosweep.model.networks.patchfcn import PatchFCN
from hemosweep.model.networks.psinet_like import PsiNetLike
from hemosweep.model.networks.se_unet_2d import SEUNet2D
from hemosweep.model.networks.segresnet import SegResNet
from hemosweep.model.networks.siamese_sym import SiameseSym
from hemosweep.model.networks.sunet import SUNetX5
from hemosweep.model.networks.swin_unetr import SwinUNETR
from hemosweep.model.networks.unetr import UNETR
from hemosweep.sweeps.scaling import narrowed, scaled_size, with_network, with_scaled_test
from hemosweep.sweeps.se import brain_sampled

BASELINE = "unet"
LEAST_HEAVY = 4
"""A network whose step takes over five times that of the paper's may be narrower than the paper's is."""
LEAST_VNET = 2
"""Narrowest V-Net of a profile: its convolutions have 125 voxels, not 27, and its step takes longer still."""


def _unetr(base: ArmConfig) -> UNETR:
    height, width, depth = (scaled_size(base, size) for size in UNETR().patch_HWD)
    return UNETR(width=narrowed(base, UNETR().width), patch_HWD=(height, width, depth))


NETWORKS: Mapping[str, Callable[[ArmConfig], Network]] = {
    "unetr": _unetr,
    "swinunetr": lambda base: SwinUNETR(width=narrowed(base, 24, multiple=12), window=scaled_size(base, 7)),
    "resenc": lambda base: ResEnc(width=narrowed(base, 32)),
    "plainconv": lambda base: PlainConv(width=narrowed(base, 32)),
    "mednext-s": lambda base: MedNeXtS(width=narrowed(base, 32, least=LEAST_HEAVY)),
    "dynunet": lambda base: DynUNet(width=narrowed(base, 32)),
    "segresnet": lambda base: SegResNet(width=narrowed(base, 16, multiple=8)),
    "unet3d-cicek": lambda base: CicekUNet3D(width=narrowed(base, 32)),
    "weightmap-like": lambda base: CicekUNet3D(width=narrowed(base, 32), num_levels=3),
    "hybrid3d2d-fpn": lambda base: Hybrid3D2DFPN(width=narrowed(base, 32)),
    "deepbleed-tied": lambda base: DeepBleedVNet(width=narrowed(base, 16, least=LEAST_VNET)),
    "deepbleed-untied": lambda base: DeepBleedVNet(width=narrowed(base, 16, least=LEAST_VNET), tied=False),
    "cnn-ds-like": lambda base: CNNDSLike(width=narrowed(base, 16, least=LEAST_HEAVY)),
    "hssayeni": lambda base: HssayeniUNet(width=narrowed(base, 64)),
    "psinet-like": lambda base: PsiNetLike(width=narrowed(base, 32)),
    "multiview-like": lambda base: MultiViewLike(width=narrowed(base, 32)),
    "siamese-sym": lambda base: SiameseSym(width=narrowed(base, 64)),
    "cascade-like": lambda base: CascadeLike(width=narrowed(base, 64)),
    "patchfcn": lambda base: PatchFCN(width=narrowed(base, 16, least=LEAST_HEAVY)),
    "ednet-like": lambda base: EDNetLike(width=narrowed(base, 64)),
    "se-unet-2d": lambda base: SEUNet2D(width=narrowed(base, 64)),
    "sunetx5": lambda base: SUNetX5(width=narrowed(base, 8)),
}
"""Networks beside the paper's, as wide as the profile has them, by their arms. The slowest come first, so that no
processor waits for one of them at the end of a sweep."""


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    name = params["network"]
    if name in NETWORKS:
        arm = with_network(brain_sampled(base, se=False), NETWORKS[name](base), base.sampling.patch_HWD)
    else:
        arm = brain_sampled(base, se=name == "se_unet")
    return with_scaled_test(base, arm)


SWEEP = Sweep(
    name="architecture",
    question="Does another network segment better, all else equal?",
    space={"network": (BASELINE, "se_unet", *NETWORKS)},
    arm_name=lambda params: params["network"],
    configure=_configure,
    baseline=BASELINE,
    comparisons=tuple((BASELINE, name) for name in ("se_unet", *NETWORKS)),
)
