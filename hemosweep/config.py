"""The configuration of one arm: everything about a training that an ablation may vary.

A profile (`sweeps/base.py`) is a function that returns an `ArmConfig`; an ablation changes a few of its fields with
`dataclasses.replace`. Serialised only for the record and for the digest of a fold run. Sizes and spacings are written
the way the paper writes them, in-plane first, slices last: `_HWD`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from hemosweep.errors import BadInput

RESTRICTIONS: dict[str, tuple[str, ...]] = {
    "none": ("volume",),
    "brain": ("brain",),
    "brain+lesion": ("lesion_border", "brain"),
    "brain+lesion+center": ("lesion_border", "brain_center", "brain"),
    "brain+lesion+hyperdense": ("lesion_border", "hyperdense", "brain"),
    "lesion|hyperdense": ("lesion_border", "hyperdense"),
}
"""Regions of a case that give its negative patches (paper, Sections 2.2.1 and 3.3; the last one 3.6)."""

LOSSES = ("dice_ce", "focal")
SYMMETRIC = ("none", "plane", "register", "flirt")
"""Ways to make the symmetric image: not at all, by the mid-sagittal plane, or by registering the flipped image."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadInput(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessingConfig:
    """From raw CT to network input (paper, Section 2.1.2).

    `spacing_HWD_mm=None` keeps the scanner's grid, as the paper does. Further channels are the `symmetric` image and,
    where `angiography` is set, the CT angiography. `lesion_label` picks a value of masks that hold several.
    """

    spacing_HWD_mm: tuple[float, float, float] | None = None
    window_hu: tuple[float, float] = (0.0, 100.0)
    symmetric: str = "none"
    angiography: bool = False
    angiography_window_hu: tuple[float, float] = (0.0, 300.0)
    lesion_label: int | None = None

    def __post_init__(self) -> None:
        if self.spacing_HWD_mm is not None:
            _require(
                all(0 < mm < math.inf for mm in self.spacing_HWD_mm),
                f"spacing_HWD_mm={self.spacing_HWD_mm}: must be positive",
            )
        for name in ("window_hu", "angiography_window_hu"):
            low_hu, high_hu = window = getattr(self, name)
            _require(-math.inf < low_hu < high_hu < math.inf, f"{name}={window}: must be (low, high)")
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
        symmetric = () if self.symmetric == "none" else ("symmetric",)
        return ("ct", *symmetric, *(("cta",) if self.angiography else ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """Balanced, restricted patch sampling (paper, Section 2.2.1): half the centres on lesion voxels, half off them.

    `border_share` of the negatives are forced from around the lesion (30% in the paper), `ventricle_share` from the
    brain's centre or the hyperdense regions; the paper does not print the latter, so the same 30% are taken, nor the
    half-widths of the two cubic regions. Hyperdense is what is above `hyperdense_hu`. With `augment` a training patch
    is used six times: as it is, flipped both ways, and rotated three times (paper, Section 3.5).
    """

    patch_HWD: tuple[int, int, int] = (32, 32, 16)
    num_patches_per_case: int = 3000
    restriction: str = "brain+lesion+center"
    border_share: float = 0.3
    ventricle_share: float = 0.3
    border_half_width_mm: float = 10.0
    center_half_width_mm: float = 30.0
    hyperdense_hu: float = 50.0
    augment: bool = False

    def __post_init__(self) -> None:
        _require(
            all(size >= 4 and size % 4 == 0 for size in self.patch_HWD),
            f"patch_HWD={self.patch_HWD}: each size must be a multiple of 4, as the network halves it twice",
        )
        _require(
            self.num_patches_per_case >= 2,
            f"num_patches_per_case={self.num_patches_per_case}: at least 2 are needed, one on and one off the lesion",
        )
        _require(
            self.restriction in RESTRICTIONS,
            f"restriction={self.restriction!r}: choose one of {', '.join(RESTRICTIONS)}",
        )
        for name in ("border_half_width_mm", "center_half_width_mm"):
            half_width_mm = getattr(self, name)
            _require(0.0 <= half_width_mm < math.inf, f"{name}={half_width_mm}: must not be negative")
        _require(
            min(self.border_share, self.ventricle_share) >= 0.0 and self.border_share + self.ventricle_share <= 1.0,
            f"border_share={self.border_share}, ventricle_share={self.ventricle_share}: must be shares of one whole",
        )
        _require(
            sum(self.shares.values()) > 0.0,
            f"border_share={self.border_share}, ventricle_share={self.ventricle_share}: leave restriction="
            f"{self.restriction!r} no region to draw negatives from",
        )
        _require(math.isfinite(self.hyperdense_hu), f"hyperdense_hu={self.hyperdense_hu}: must be a number")
        height, width, _ = self.patch_HWD
        _require(
            not self.augment or height == width,
            f"patch_HWD={self.patch_HWD}: augmentation rotates patches in plane, so they must be square there",
        )

    @property
    def shares(self) -> dict[str, float]:
        """Share of the negatives by region; in proportion where they do not add up to one."""
        regions = RESTRICTIONS[self.restriction]
        forced = {
            "lesion_border": self.border_share,
            "brain_center": self.ventricle_share,
            "hyperdense": self.ventricle_share,
        }
        given = {region: forced[region] for region in regions if region in forced}
        return given | {region: 1.0 - sum(given.values()) for region in regions if region not in forced}

    @property
    def num_views(self) -> int:
        """Number of times that a training patch is used."""
        return 6 if self.augment else 1

    @property
    def patch_DHW(self) -> tuple[int, int, int]:
        height, width, depth = self.patch_HWD
        return depth, height, width


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The SE U-Net (paper, Section 2.2.2); `width` is the channel count of its first level, `reduction` the ratio of
    its squeeze-and-excitation blocks."""

    width: int = 64
    se: bool = True
    reduction: int = 16
    dropout: float = 0.2

    def __post_init__(self) -> None:
        _require(self.width >= 1, f"width={self.width}: must be at least 1")
        _require(self.reduction >= 1, f"reduction={self.reduction}: must be at least 1")
        _require(0.0 <= self.dropout < 1.0, f"dropout={self.dropout}: must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Optimisation and early stopping (paper, Section 2.2.3). Adadelta runs with its usual defaults.

    `focal_gamma` counts with the focal loss only; 2 is the value of Lin et al. 2017. `deterministic` makes CUDA give
    the same bits each time, at a price in speed; the CPU does so anyway.
    """

    loss: str = "dice_ce"
    focal_gamma: float = 2.0
    learning_rate: float = 1.0
    deterministic: bool = False
    batch_size: int = 64
    max_epochs: int = 100
    patience: int = 15

    def __post_init__(self) -> None:
        _require(self.loss in LOSSES, f"loss={self.loss!r}: choose one of {', '.join(LOSSES)}")
        _require(0.0 <= self.focal_gamma < math.inf, f"focal_gamma={self.focal_gamma}: must not be negative")
        _require(0.0 < self.learning_rate < math.inf, f"learning_rate={self.learning_rate}: must be positive")
        _require(self.batch_size >= 2, f"batch_size={self.batch_size}: batch normalisation needs at least 2")
        _require(self.max_epochs >= 1, f"max_epochs={self.max_epochs}: must be at least 1")
        _require(self.patience >= 1, f"patience={self.patience}: must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceConfig:
    """Overlapping-patch inference (paper, Section 2.2.3).

    Neighbouring windows share more than `overlap` of their extent; the paper asks for more than one half.
    """

    overlap: float = 0.5

    def __post_init__(self) -> None:
        _require(0.0 <= self.overlap < 1.0, f"overlap={self.overlap}: must lie in [0, 1)")


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
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()
    cross_validation: CrossValidationConfig = CrossValidationConfig()


def config_as_dict(config: ArmConfig) -> dict[str, Any]:
    """Nested plain dictionary, for JSON, the record and the digest."""
    return asdict(config)


def config_from_dict(values: dict[str, Any]) -> ArmConfig:
    """Inverse of `config_as_dict` after a trip through JSON, which turns tuples into lists."""

    def section(name: str) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values[name].items()}

    return ArmConfig(
        preprocessing=PreprocessingConfig(**section("preprocessing")),
        sampling=SamplingConfig(**section("sampling")),
        model=ModelConfig(**section("model")),
        training=TrainingConfig(**section("training")),
        inference=InferenceConfig(**section("inference")),
        cross_validation=CrossValidationConfig(**section("cross_validation")),
    )
