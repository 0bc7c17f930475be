"""The configuration of one arm: everything about a training that an ablation may vary.

A profile (`sweeps/base.py`) is a function that returns an `ArmConfig`; an ablation changes a few of its fields with
`dataclasses.replace`. Serialised only for the record and for the digest of a fold run. Sizes and spacings are written
the way the paper writes them, in-plane first, slices last: `_HWD`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from hemosweep.errors import BadInput

RESTRICTIONS: dict[str, dict[str, float]] = {
    "none": {"volume": 1.0},
    "brain": {"brain": 1.0},
    "brain+lesion": {"lesion_border": 0.3, "brain": 0.7},
    "brain+lesion+center": {"lesion_border": 0.3, "brain_center": 0.3, "brain": 0.4},
}
"""Share of a case's negative patches that each region gives (paper, Sections 2.2.1 and 3.3).

The paper states 30% for the lesion border; the share of the brain centre is not printed and is taken as the same 30%.
"""

LOSSES = ("dice_ce",)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadInput(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessingConfig:
    """From raw CT to network input. `spacing_HWD_mm=None` keeps the scanner's grid, as the paper does."""

    spacing_HWD_mm: tuple[float, float, float] | None = None
    window_hu: tuple[float, float] = (0.0, 100.0)

    def __post_init__(self) -> None:
        if self.spacing_HWD_mm is not None:
            _require(
                all(0 < mm < math.inf for mm in self.spacing_HWD_mm),
                f"spacing_HWD_mm={self.spacing_HWD_mm}: must be positive",
            )
        low_hu, high_hu = self.window_hu
        _require(-math.inf < low_hu < high_hu < math.inf, f"window_hu={self.window_hu}: must be (low, high)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """Balanced, restricted patch sampling (paper, Section 2.2.1): half the centres on lesion voxels, half off them."""

    patch_HWD: tuple[int, int, int] = (32, 32, 16)
    num_patches_per_case: int = 3000
    restriction: str = "brain+lesion+center"
    border_half_width_mm: float = 10.0
    center_half_width_mm: float = 30.0

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

    @property
    def patch_DHW(self) -> tuple[int, int, int]:
        height, width, depth = self.patch_HWD
        return depth, height, width


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The SE U-Net (paper, Section 2.2.2); `width` is the channel count of its first level."""

    width: int = 64
    se: bool = True
    dropout: float = 0.2

    def __post_init__(self) -> None:
        _require(self.width >= 1, f"width={self.width}: must be at least 1")
        _require(0.0 <= self.dropout < 1.0, f"dropout={self.dropout}: must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Optimisation and early stopping (paper, Section 2.2.3). Adadelta runs with its usual defaults."""

    loss: str = "dice_ce"
    batch_size: int = 64
    max_epochs: int = 100
    patience: int = 15

    def __post_init__(self) -> None:
        _require(self.loss in LOSSES, f"loss={self.loss!r}: choose one of {', '.join(LOSSES)}")
        _require(self.batch_size >= 2, f"batch_size={self.batch_size}: batch normalisation needs at least 2")
        _require(self.max_epochs >= 1, f"max_epochs={self.max_epochs}: must be at least 1")
        _require(self.patience >= 1, f"patience={self.patience}: must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceConfig:
    """Overlapping-patch inference; the paper asks for an overlap of more than one half."""

    overlap: float = 0.6

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
