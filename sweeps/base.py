"""The two profiles: base configurations that an ablation varies without knowing which one it runs under."""

from dataclasses import dataclass

from hemosweep.config import (
    ArmConfig,
    CrossValidationConfig,
    PreprocessingConfig,
    SamplingConfig,
    TrainingConfig,
)
from hemosweep.errors import BadInput
from hemosweep.model.networks.se_unet import SEUNet3D

PAPER_PATCH_HWD = (32, 32, 16)
"""The patch of the paper's profile, to which an ablation's patch sizes are stated."""
PAPER_PATCHES_PER_CASE = 3000
"""The number of the paper's profile, to which an ablation's numbers are stated."""
SLICE_THICKNESS_MM, SLICE_GAP_MM = 3.0, 1.5
"""As printed in Table 1. The phantom's slices lie as far apart as both together."""
SYMMETRIC_METHOD = "plane"
"""Method by which arms get the symmetric channel.

The paper registers the flipped image with FLIRT; `register` does so with SimpleITK, `flirt` with FSL itself.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A base configuration, the size of its phantom data set, and one line that says what it scales down,
    the number of folds apart: that is asked for by itself, too.

    `one_a_processor` says that its networks are too small for several threads: without a GPU, a fold run is trained on
    each processor.
    """

    name: str
    config: ArmConfig
    phantom_cases: int
    scaling: str
    one_a_processor: bool = False


def paper() -> Profile:
    """The paper's protocol, Sections 2.1 to 2.3; `sweeps/reading_list/` lists every choice that it does not print."""
    # Imported here: the list takes its values from the configurations, which are made from this module.
    from hemosweep.sweeps.reading_list import count_readings

    return Profile(
        name="paper",
        config=ArmConfig(),
        phantom_cases=76,
        scaling=f"the paper's protocol, with {count_readings('inferred')} inferred choices: full width, scanner's grid",
    )


def demo() -> Profile:
    """Minutes on two CPU cores: small volumes, few cases and folds, a narrow network. The protocol is the paper's.

    What a patch shows of the head is the paper's, too: 14.4 x 14.4 mm of a slice (there 32 pixels of 0.45 mm), through
    the slices 48 mm, where the paper's 16 slices are 72 mm or 24 (see the reading *Slices*).
    """
    config = ArmConfig(
        preprocessing=PreprocessingConfig(spacing_HWD_mm=(0.9, 0.9, 6.0)),
        sampling=SamplingConfig(patch_HWD=(16, 16, 8), num_patches_per_case=64),
        network=SEUNet3D(width=8, dropout=0.0),
        training=TrainingConfig(batch_size=32, max_epochs=12, patience=4),
        cross_validation=CrossValidationConfig(num_folds=3),
    )
    return Profile(
        name="demo",
        config=config,
        phantom_cases=18,
        scaling=(
            "scaled down: 0.9 x 0.9 x 6 mm grid, where patches of half the voxels are as wide as the paper's, "
            "width 8 of 64, no dropout but where an arm sets it, 64 of 3000 patches a case, batches of 32 not 64, "
            "12 of 100 epochs, patience 4 of 15"
        ),
        one_a_processor=True,
    )


PROFILES = {"demo": demo, "paper": paper}


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in PROFILES:
        raise BadInput(f"unknown profile {name!r}; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]()


def paper_network(base: ArmConfig) -> SEUNet3D:
    """The paper's network, as wide as the profile has it.

    Raises:
        BadInput: the profile has another network.
    """
    if not isinstance(base.network, SEUNet3D):
        raise BadInput(f"network {type(base.network).__name__}: this ablation varies the paper's SEUNet3D")
    return base.network


def scaled_patch(base: ArmConfig, paper_patch_HWD: tuple[int, int, int]) -> tuple[int, int, int]:
    """A patch size of the paper, scaled as the profile scales the paper's (32, 32, 16)."""
    height, width, depth = (
        size * mine // reference
        for size, mine, reference in zip(paper_patch_HWD, base.sampling.patch_HWD, PAPER_PATCH_HWD, strict=True)
    )
    return height, width, depth
