"""The configuration of one arm: everything about a training that an ablation may vary.

A profile (`sweeps/base.py`) is a function that returns an `ArmConfig`; an ablation changes a few of its fields with
`dataclasses.replace`. A choice, such as the loss, is a component (`hemosweep.components.protocols`). Serialised only
for the record and for the digest of a fold run. Sizes and spacings are written the way the paper writes them, in-plane
first, slices last: `_HWD`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from hemosweep.components.context import check_channels, check_patch, context_of, labelled_part
from hemosweep.components.protocols import (
    Augmentation,
    Intensity,
    Loss,
    Network,
    Optimiser,
    PostProcessing,
    Schedule,
    WeightMap,
)
from hemosweep.components.record import FindType, as_json, check_component, find_own, from_json
from hemosweep.earlier_config import brought_up_to_date
from hemosweep.errors import BadInput
from hemosweep.intensity.window import Window
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.schedules.constant import Constant
from hemosweep.sampling.restriction import Restriction, restriction

SYMMETRIC = ("none", "plane", "register", "flirt")
"""Ways to make the symmetric image: not at all, by the mid-sagittal plane, or by registering the flipped image."""

CENTRES = ("random", "grid", "whole")
"""Ways to pick patch centres: in a region, drawn at random or on a regular grid (`hemosweep.sampling.picks`); or one
patch a case, at its middle."""
WHOLE = "whole"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadInput(message)


def _require_components(name: str, components: Any, method: str) -> None:
    _require(isinstance(components, tuple), f"{name}={components!r}: give a tuple of components, () for none")
    for component in components:
        check_component(name, component, method)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessingConfig:
    """From raw CT to network input (paper, Section 2.1.2).

    `spacing_HWD_mm=None` keeps the scanner's grid, as the paper does. A spacing makes an axis coarser, and finer, too,
    with `make_finer`; `shape_HWD` resizes the whole image to a grid of so many voxels instead. Further channels are the
    same CT in the intensities of `ct_channels`, the `symmetric` image and, where `angiography` is set, the CT
    angiography. `lesion_label` picks a value of masks that hold several.
    """

    spacing_HWD_mm: tuple[float, float, float] | None = None
    make_finer: bool = False
    shape_HWD: tuple[int, int, int] | None = None
    intensity: Intensity = Window()
    ct_channels: tuple[Intensity, ...] = ()
    symmetric: str = "none"
    angiography: bool = False
    angiography_intensity: Intensity = Window(low_hu=0.0, high_hu=300.0)
    lesion_label: int | None = None

    def __post_init__(self) -> None:
        if self.spacing_HWD_mm is not None:
            _require(
                all(0 < mm < math.inf for mm in self.spacing_HWD_mm),
                f"spacing_HWD_mm={self.spacing_HWD_mm}: must be positive",
            )
        _require(
            not self.make_finer or self.spacing_HWD_mm is not None,
            "make_finer=True: give spacing_HWD_mm, to which axes are made finer",
        )
        if self.shape_HWD is not None:
            _require(all(size >= 1 for size in self.shape_HWD), f"shape_HWD={self.shape_HWD}: must be positive")
            _require(
                self.spacing_HWD_mm is None,
                f"shape_HWD={self.shape_HWD}: a shape and a spacing exclude each other; leave spacing_HWD_mm out",
            )
        for name in ("intensity", "angiography_intensity"):
            check_component(name, getattr(self, name), "build")
        _require_components("ct_channels", self.ct_channels, "build")
        _require(
            self.symmetric in SYMMETRIC,
            f"symmetric={self.symmetric!r}: choose one of {', '.join(SYMMETRIC)}",
        )
        _require(
            self.lesion_label is None or self.lesion_label >= 1,
            f"lesion_label={self.lesion_label}: 0 is background; give a value of at least 1",
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the network's input channels, in order."""
        further = (f"ct_{number}" for number in range(2, 2 + len(self.ct_channels)))
        symmetric = () if self.symmetric == "none" else ("symmetric",)
        return ("ct", *further, *symmetric, *(("cta",) if self.angiography else ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """Balanced, restricted patch sampling (paper, Section 2.2.1): half the centres on lesion voxels, half off them.

    The `restriction` says where the latter come from, and `centres` how they are picked there (`CENTRES`). With
    `augment` a training patch is used six times: as it is, flipped both ways, and rotated three times (paper, Section
    3.5). The `transforms` change each training patch at random, one after the other, each time that it is used.
    """

    patch_HWD: tuple[int, int, int] = (32, 32, 16)
    num_patches_per_case: int = 3000
    restriction: Restriction = restriction("brain+lesion+center")
    augment: bool = False
    centres: str = "random"
    transforms: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        _require(all(size >= 1 for size in self.patch_HWD), f"patch_HWD={self.patch_HWD}: each size must be at least 1")
        _require(
            self.num_patches_per_case >= 2 or self.centres == WHOLE,
            f"num_patches_per_case={self.num_patches_per_case}: at least 2 are needed, one on and one off the lesion",
        )
        _require(
            self.num_patches_per_case == 1 or self.centres != WHOLE,
            f'num_patches_per_case={self.num_patches_per_case}: centres="whole" takes one patch a case; give 1',
        )
        _require(
            isinstance(self.restriction, Restriction),
            f"restriction={self.restriction!r}: give hemosweep.sampling.restriction.Restriction(regions=...) of "
            "regions and shares",
        )
        _require(self.centres in CENTRES, f"centres={self.centres!r}: choose one of {', '.join(CENTRES)}")
        _require_components("transforms", self.transforms, "build")
        height, width, _ = self.patch_HWD
        _require(
            not self.augment or height == width,
            f"patch_HWD={self.patch_HWD}: augmentation rotates patches in plane, so they must be square there",
        )

    @property
    def num_views(self) -> int:
        """Number of times that a training patch is used."""
        return 6 if self.augment else 1

    @property
    def patch_DHW(self) -> tuple[int, int, int]:
        height, width, depth = self.patch_HWD
        return depth, height, width


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Optimisation and early stopping (paper, Section 2.2.3).

    `deterministic` makes CUDA give the same bits each time, at a price in speed; the CPU does so anyway.
    """

    loss: Loss = DiceCE()
    optimiser: Optimiser = Adadelta()
    schedule: Schedule = Constant()
    deterministic: bool = False
    batch_size: int = 64
    max_epochs: int = 100
    patience: int = 15

    def __post_init__(self) -> None:
        check_component("loss", self.loss, "build")
        if self.weight_map is not None:
            check_component("weight_map", self.weight_map, "weights")
        check_component("optimiser", self.optimiser, "build", "learning_rate")
        check_component("schedule", self.schedule, "build")
        _require(self.batch_size >= 2, f"batch_size={self.batch_size}: batch normalisation needs at least 2")
        _require(self.max_epochs >= 1, f"max_epochs={self.max_epochs}: must be at least 1")
        _require(self.patience >= 1, f"patience={self.patience}: must be at least 1")

    @property
    def weight_map(self) -> WeightMap | None:
        """Weights of the voxels in the loss; None where it takes none."""
        weight_map: WeightMap | None = getattr(self.loss, "weight_map", None)
        return weight_map


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceConfig:
    """Overlapping-patch inference (paper, Section 2.2.3).

    Neighbouring windows share more than `overlap` of their extent; the paper asks for more than one half. On the
    scanner's grid, lesion is what is more probable than the `threshold`, and `postprocessing` changes that mask, one
    step after the other.
    """

    overlap: float = 0.5
    threshold: float = 0.5
    postprocessing: tuple[PostProcessing, ...] = ()

    def __post_init__(self) -> None:
        _require(0.0 <= self.overlap < 1.0, f"overlap={self.overlap}: must lie in [0, 1)")
        _require(0.0 <= self.threshold < 1.0, f"threshold={self.threshold}: must lie in [0, 1)")
        _require_components("postprocessing", self.postprocessing, "apply")


@dataclass(frozen=True, kw_only=True, slots=True)
class CrossValidationConfig:
    """Folds grouped by patient and stratified by IVH; `fold_seed` draws them once, whatever the training seed.

    `validation_share` of the training folds is rounded to one over a whole number.
    """

    num_folds: int = 5
    fold_seed: int = 2021
    validation_share: float = 0.2

    def __post_init__(self) -> None:
        _require(self.num_folds >= 2, f"num_folds={self.num_folds}: cross-validation needs at least 2")
        _require(0.0 < self.validation_share <= 0.5, f"validation_share={self.validation_share}: must lie in (0, 0.5]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmConfig:
    """One arm, completely: the defaults are the paper's protocol."""

    preprocessing: PreprocessingConfig = PreprocessingConfig()
    sampling: SamplingConfig = SamplingConfig()
    network: Network = SEUNet3D()
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()
    cross_validation: CrossValidationConfig = CrossValidationConfig()

    def __post_init__(self) -> None:
        check_component("network", self.network, "build", "patch_multiple")
        check_channels(self.network, self.preprocessing.channels)
        check_patch(self.network, self.sampling.patch_DHW, augment=self.sampling.augment)

    @property
    def labelled_DHW(self) -> tuple[int, int, int]:
        """Size of the part of a patch that the network labels: all of it, but for the network's context."""
        return labelled_part(self.sampling.patch_DHW, context_of(self.network))

    def sections(self) -> Iterator[tuple[str, Any]]:
        """Names of the fields, and their values: sections, and the network."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


_SECTIONS = {
    "preprocessing": PreprocessingConfig,
    "sampling": SamplingConfig,
    "training": TrainingConfig,
    "inference": InferenceConfig,
    "cross_validation": CrossValidationConfig,
}


def section_as_dict(section: Any) -> dict[str, Any]:
    """Fields of a section as plain values, its components as their records."""
    return {field.name: as_json(getattr(section, field.name)) for field in fields(section)}


def config_as_dict(config: ArmConfig) -> dict[str, Any]:
    """Nested plain dictionary, for JSON, the record and the digest. A component is a dictionary with its type."""
    return {name: section_as_dict(value) if name in _SECTIONS else as_json(value) for name, value in config.sections()}


def config_from_dict(values: dict[str, Any], find: FindType = find_own) -> ArmConfig:
    """Inverse of `config_as_dict`. A configuration of an earlier version is read, too.

    Args:
        find: returns the class of a recorded component; by default only those of hemosweep.

    Raises:
        BadInput: as `find`, or a value is out of range.
        KeyError, TypeError: it is no configuration.
    """
    values = brought_up_to_date(values)
    sections = {
        name: section(**{key: from_json(value, find) for key, value in values[name].items()})
        for name, section in _SECTIONS.items()
    }
    return ArmConfig(network=from_json(values["network"], find), **sections)
