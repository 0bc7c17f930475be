"""Restrictions of the negative patches: regions of a case, and the share of the patches that each gives."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.components.protocols import Region
from hemosweep.components.record import check_component
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.arrays import Mask
    from hemosweep.preprocessing.record import PreprocessedCase

BONE_FROM_HU = 95.0
"""Blood stays below; what is denser is bone or calcification, also where the network's window ends at 100 HU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """The whole image, the air around the head included, for the paper's "no restrictions" (Section 3.3).

    An arm that draws from it is tested on the whole image, too (`Restriction.leaves_brain`).
    """

    def mask(self, case: "PreprocessedCase") -> "Mask":
        return ~case.grid.uncrop(case.lesion_DHW, fill=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Brain:
    """The brain (paper, Section 2.2.1)."""

    def mask(self, case: "PreprocessedCase") -> "Mask":
        return case.brain_DHW


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionBorder:
    """Brain within a cube around any lesion voxel (paper, Section 2.2.1, which does not print the half-width)."""

    half_width_mm: float = 10.0

    def __post_init__(self) -> None:
        _check_half_width(self.half_width_mm)

    def mask(self, case: "PreprocessedCase") -> "Mask":
        from hemosweep.sampling.regions import lesion_border

        return case.brain_DHW & lesion_border(case.lesion_DHW, case.spacing_DHW_mm, self.half_width_mm)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrainCenter:
    """Brain within a cube around its centre, where the ventricles lie (paper, Section 2.2.1, without a half-width)."""

    half_width_mm: float = 30.0

    def __post_init__(self) -> None:
        _check_half_width(self.half_width_mm)

    def mask(self, case: "PreprocessedCase") -> "Mask":
        from hemosweep.sampling.regions import brain_center

        return case.brain_DHW & brain_center(case.brain_DHW, case.spacing_DHW_mm, self.half_width_mm)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperdense:
    """Blood that is not the lesion: what is brighter than `above_hu` (paper, Section 2.2.1).

    Below `full_share_ml` it takes its share of the negatives in proportion to its volume, and the other regions take
    the rest: in cases without IVH, 0.3 to 0.7 mL of noise and calcification pass the threshold, while the phantom's
    blood in the ventricles fills 4.6 mL and more. At 0 it always takes its whole share.
    """

    above_hu: float = 50.0
    full_share_ml: float = 3.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.above_hu):
            raise BadInput(f"above_hu={self.above_hu}: must be a number")
        if not 0.0 <= self.full_share_ml < math.inf:
            raise BadInput(f"full_share_ml={self.full_share_ml}: must not be negative")

    def mask(self, case: "PreprocessedCase") -> "Mask":
        from hemosweep.sampling.regions import hyperdense

        return hyperdense(
            case.image_CDHW[0],
            case.brain_DHW,
            case.lesion_DHW,
            case.spacing_DHW_mm,
            case.intensity(self.above_hu),
            bone=case.intensity(min(BONE_FROM_HU, case.window_hu[1])),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Restriction:
    """Regions that give the negative patches, each with its share; in proportion where they do not add up to one."""

    regions: tuple[tuple[Region, float], ...] = ((Brain(), 1.0),)

    def __post_init__(self) -> None:
        for entry in self.regions:
            if not (isinstance(entry, tuple) and len(entry) == 2):
                raise BadInput(f"regions: {entry!r} is no pair; give (region, share), such as (Brain(), 0.7)")
            region, share = entry
            check_component("region", region, "mask")
            if isinstance(share, bool) or not isinstance(share, float | int) or not 0.0 <= share < math.inf:
                raise BadInput(f"region {region}: its share is {share!r}; give a number of at least 0")
        if not sum(share for _, share in self.regions) > 0.0:
            raise BadInput("regions: none has a share to draw negatives from; give one of them a share above 0")

    @property
    def by_name(self) -> dict[str, tuple[Region, float]]:
        """Regions and shares by the region's name, such as `lesion_border`; namesakes are numbered."""
        named: dict[str, tuple[Region, float]] = {}
        for region, share in self.regions:
            name = _snake_case(type(region).__name__)
            number = 1 + sum(_snake_case(type(other).__name__) == name for other, _ in named.values())
            named[name if number == 1 else f"{name}_{number}"] = region, share
        return named

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the regions by name."""
        return {name: share for name, (_, share) in self.by_name.items()}

    @property
    def leaves_brain(self) -> bool:
        """True where negatives are drawn from the whole image. Such an arm is tested on the whole image, too: its
        network has seen what lies outside the brain, and the paper tests the whole volume (Section 2.2.3)."""
        return any(isinstance(region, Volume) and share > 0.0 for region, share in self.regions)

    def __str__(self) -> str:
        return " + ".join(f"{name} {share:.3g}" for name, share in self.shares.items())


def restriction(
    name: str,
    *,
    border_share: float = 0.3,
    ventricle_share: float = 0.3,
    border_half_width_mm: float = 10.0,
    center_half_width_mm: float = 30.0,
    hyperdense_hu: float = 50.0,
    hyperdense_full_share_ml: float = 3.0,
) -> Restriction:
    """A restriction of the paper's Table 3, or its final one (Section 3.6).

    `border_share` of the negatives are forced from around the lesion (30% in the paper), `ventricle_share` from the
    brain's centre or the hyperdense regions; the paper does not print the latter, so the same 30% are taken. Hyperdense
    regions below `hyperdense_full_share_ml` take less (`Hyperdense`).

    Raises:
        BadInput: there is no restriction of that name, or a number is out of range.
    """
    if name not in RESTRICTION_NAMES:
        raise BadInput(f"restriction {name!r}: choose one of {', '.join(RESTRICTION_NAMES)}")
    if min(border_share, ventricle_share) < 0.0 or border_share + ventricle_share > 1.0:
        raise BadInput(f"border_share={border_share}, ventricle_share={ventricle_share}: must be shares of one whole")
    border = (LesionBorder(half_width_mm=border_half_width_mm), border_share)
    ventricles: Region = BrainCenter(half_width_mm=center_half_width_mm)
    if name.endswith("hyperdense"):
        ventricles = Hyperdense(above_hu=hyperdense_hu, full_share_ml=hyperdense_full_share_ml)
    if name == "none":
        return Restriction(regions=((Volume(), 1.0),))
    if name == "brain":
        return Restriction()
    if name == "brain+lesion":
        return Restriction(regions=(border, (Brain(), 1.0 - border_share)))
    if name == "lesion|hyperdense":
        return Restriction(regions=(border, (ventricles, ventricle_share)))
    rest = 1.0 - (border_share + ventricle_share)
    return Restriction(regions=(border, (ventricles, ventricle_share), (Brain(), rest)))


RESTRICTION_NAMES = (
    "none",
    "brain",
    "brain+lesion",
    "brain+lesion+center",
    "brain+lesion+hyperdense",
    "lesion|hyperdense",
)
"""The restrictions of the paper (Sections 2.2.1 and 3.3; the last one 3.6)."""


def _check_half_width(half_width_mm: float) -> None:
    if not 0.0 <= half_width_mm < math.inf:
        raise BadInput(f"half_width_mm={half_width_mm}: must not be negative")


def _snake_case(name: str) -> str:
    """`LesionBorder` as `lesion_border`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() and i else letter.lower() for i, letter in enumerate(name))
