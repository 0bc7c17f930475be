"""Raw cases to preprocessed cases: the steps of the paper's Fig. 1, then the network's grid."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hemosweep.arrays import FloatArray, Mask, bounding_box
from hemosweep.components.protocols import Intensity
from hemosweep.components.record import place_of
from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume
from hemosweep.data.odd_slices import odd_slices
from hemosweep.data.reading import RawCase, read_case
from hemosweep.errors import BadInput
from hemosweep.preprocessing.angiography import align_angiography
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.grid import Grid, network_shape, resize, resize_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.mask_findings import (
    MaskMeasures,
    lesion_finding,
    lesion_outside_share,
    measure_mask,
)
from hemosweep.preprocessing.no_head import no_head, perhaps_mr
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.preprocessing.slice_findings import explained_fault, scan_findings
from hemosweep.preprocessing.symmetry import METHODS
from hemosweep.preprocessing.tilt import Straightening, straighten, tilt_deg

NO_LESION_MASK = "no lesion mask: the case can be segmented, not trained on or scored"
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One case as it was read, its slices put straight, with the masks of head and brain: with this, every
    preprocessing of it begins.

    `straightening` is None where the gantry was not tilted. `lesion_outside_share` is the share of the lesion outside
    the brain mask, None without a lesion mask.
    """

    case: Case
    raw: RawCase
    ct: Volume
    hu_DHW: FloatArray
    head_DHW: Mask
    brain_DHW: Mask
    lesion_DHW: Mask
    straightening: Straightening | None
    measures: MaskMeasures
    lesion_outside_share: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedImages:
    """One case at the scanner's resolution, a tilted gantry's slices put straight: what the paper's Fig. 1 shows.

    `head.ct` and `cta_DHW` (aligned with it, None without one) are in HU, head holder and skull still there.
    `channels_DHW` are the network's inputs by name, mapped to [-1, 1], background -1; `window_hu` are the HU that the
    CT maps to -1 and 1.
    """

    head: Head
    cta_DHW: FloatArray | None
    channels_DHW: dict[str, FloatArray]
    window_hu: tuple[float, float]


def read_head(case: Case, *, lesion_label: int | None, angiography: bool) -> Head:
    """Read one case, put tilted slices straight, and find the head and the brain.

    Args:
        lesion_label, angiography: those of a `PreprocessingConfig`.

    Raises:
        BadInput: the case cannot be read (`read_case`), shows no head (`no_head`), or its slices cannot be put
            straight.
    """
    raw = read_case(case, lesion_label=lesion_label, with_cta=angiography)
    warnings = list(raw.warnings)
    ct, moved = _named(case, lambda: straighten(raw.ct))
    lesion_DHW = np.zeros(ct.array_DHW.shape, dtype=bool)
    if raw.lesion_DHW is None:
        warnings.append(NO_LESION_MASK)
    else:
        lesion_DHW = raw.lesion_DHW if moved is None else moved.apply(raw.lesion_DHW, fill=False)
    if moved is not None:
        angle_deg = tilt_deg(raw.ct.affine)
        warnings.append(f"gantry tilt of {angle_deg:.1f} degrees taken out; predictions go back on the tilted grid")

    hu_DHW, spacing_DHW_mm = ct.array_DHW.astype(np.float32, copy=False), ct.spacing_DHW_mm
    slices = odd_slices(raw.ct.array_DHW.astype(np.float32, copy=False), raw.ct.spacing_DHW_mm)
    head_DHW = head_mask(hu_DHW, spacing_DHW_mm)
    brain_DHW = brain_mask(hu_DHW, spacing_DHW_mm, head_DHW)
    if (fault := no_head(hu_DHW, spacing_DHW_mm, head_DHW, brain_DHW)) is not None:
        fault = explained_fault(fault, slices)
        raise BadInput(f"case {case.case_id}: {fault}, in {case.ct_path.name}; is it a head CT?{perhaps_mr(hu_DHW)}")
    measures = measure_mask(hu_DHW, spacing_DHW_mm, head_DHW, brain_DHW)
    warnings += [finding.warning for finding in scan_findings(slices, measures)]
    outside_share = lesion_outside_share(lesion_DHW, brain_DHW)
    if (of_lesion := lesion_finding(outside_share)) is not None:
        warnings.append(of_lesion.warning)
    return Head(
        case=case,
        raw=raw,
        ct=ct,
        hu_DHW=hu_DHW,
        head_DHW=head_DHW,
        brain_DHW=brain_DHW,
        lesion_DHW=lesion_DHW,
        straightening=moved,
        measures=measures,
        lesion_outside_share=None if raw.lesion_DHW is None else outside_share,
        warnings=tuple(warnings),
    )


def prepare_images(case: Case, config: PreprocessingConfig) -> PreparedImages:
    """Read one case, put tilted slices straight, remove head holder and skull, and make the further channels.

    Raises:
        BadInput: as `read_head` and `images_of`.
    """
    return images_of(read_head(case, lesion_label=config.lesion_label, angiography=config.angiography), config)


def images_of(head: Head, config: PreprocessingConfig) -> PreparedImages:
    """Remove head holder and skull of a case that was read for the configuration, and make the further channels.

    Raises:
        BadInput: an intensity or the symmetric image cannot be made, or the angiography does not fit.
    """
    case, ct, hu_DHW, brain_DHW = head.case, head.ct, head.hu_DHW, head.brain_DHW

    def shown(intensity: Intensity, hu_DHW: FloatArray) -> tuple[FloatArray, tuple[float, float]]:
        """The brain in an intensity, background elsewhere, and the HU that become -1 and 1."""
        window_hu = _named(case, lambda: _window(intensity, hu_DHW[brain_DHW]))
        is_shown_DHW = brain_DHW
        if getattr(intensity, "background_above", False):
            is_shown_DHW = brain_DHW & (hu_DHW <= window_hu[1])
        return np.where(is_shown_DHW, _windowed(hu_DHW, window_hu), np.float32(-1.0)), window_hu

    stripped_DHW, window_hu = shown(config.intensity, hu_DHW)
    channels = {"ct": stripped_DHW}
    for number, intensity in enumerate(config.ct_channels, start=2):
        channels[f"ct_{number}"], _ = shown(intensity, hu_DHW)
    if config.symmetric != "none":
        mirror = METHODS[config.symmetric]
        channels["symmetric"] = _named(
            case, lambda: mirror(stripped_DHW, hu_DHW, head.head_DHW, brain_DHW, ct.spacing_DHW_mm, fill=-1.0)
        )
    cta_DHW = None
    if (scanned_cta := head.raw.cta) is not None:
        cta_DHW = _named(case, lambda: align_angiography(ct, brain_DHW, straighten(scanned_cta)[0]))
        channels["cta"], _ = shown(config.angiography_intensity, cta_DHW)
    return PreparedImages(head=head, cta_DHW=cta_DHW, channels_DHW=channels, window_hu=window_hu)


def to_network_grid(images: PreparedImages, config: PreprocessingConfig) -> PreprocessedCase:
    """Resample the channels and masks to the network's spacing, and crop them to the head."""
    native_DHW, spacing_DHW_mm = images.head.ct.array_DHW.shape, images.head.ct.spacing_DHW_mm
    full_DHW = network_shape(native_DHW, spacing_DHW_mm, config)
    start_DHW, size_DHW = bounding_box(resize_mask(images.head.head_DHW | images.head.brain_DHW, full_DHW))
    scanned_DHW = images.head.raw.ct.array_DHW.shape
    grid = Grid(
        native_DHW=scanned_DHW,
        full_DHW=full_DHW,
        crop_start_DHW=start_DHW,
        crop_DHW=size_DHW,
        straightening=images.head.straightening,
    )
    brain_DHW = grid.crop(resize_mask(images.head.brain_DHW, full_DHW)).astype(bool)
    channels = []
    for name in config.channels:
        channel_DHW = grid.crop(resize(images.channels_DHW[name], full_DHW))
        # The mirrored brain ends where it ends; the others end with the brain, also where resampling smeared them.
        channels.append(channel_DHW if name == "symmetric" else np.where(brain_DHW, channel_DHW, np.float32(-1.0)))
    factors = [native / full for native, full in zip(native_DHW, full_DHW, strict=True)]
    depth_mm, height_mm, width_mm = (mm * factor for mm, factor in zip(spacing_DHW_mm, factors, strict=True))
    reference_DHW = images.head.raw.lesion_DHW
    return PreprocessedCase(
        case_id=images.head.case.case_id,
        image_CDHW=np.stack(channels).astype(np.float16),
        brain_DHW=brain_DHW,
        lesion_DHW=grid.crop(resize_mask(images.head.lesion_DHW, full_DHW)).astype(bool),
        reference_DHW=np.zeros(scanned_DHW, dtype=bool) if reference_DHW is None else reference_DHW,
        affine=images.head.raw.ct.affine,
        file_grid=images.head.raw.ct.file_grid,
        spacing_DHW_mm=(depth_mm, height_mm, width_mm),
        native_spacing_DHW_mm=spacing_DHW_mm,
        grid=grid,
        window_hu=images.window_hu,
        warnings=images.head.warnings,
    )


def preprocess_case(case: Case, config: PreprocessingConfig) -> PreprocessedCase:
    """From files to network input.

    Raises:
        BadInput: as `prepare_images`.
    """
    return to_network_grid(prepare_images(case, config), config)


def _window(intensity: Intensity, brain_hu_N: FloatArray) -> tuple[float, float]:
    """The HU of a case that become -1 and 1.

    Raises:
        BadInput: the intensity gives something else than two numbers, the lower one first.
    """
    window_hu = intensity.build(brain_hu_N)
    try:
        low_hu, high_hu = map(float, window_hu)
    except (TypeError, ValueError):
        low_hu, high_hu = math.nan, math.nan
    if not -math.inf < low_hu < high_hu < math.inf:
        cls = type(intensity)
        raise BadInput(f"intensity {cls.__name__} ({place_of(cls)}) gives {window_hu!r}; return (low_hu, high_hu)")
    return low_hu, high_hu


def _windowed(hu_DHW: FloatArray, window_hu: tuple[float, float]) -> FloatArray:
    """HU to [-1, 1] over the window, cut at its ends."""
    low_hu, high_hu = window_hu
    scaled_DHW = np.clip(hu_DHW, low_hu, high_hu)
    scaled_DHW -= np.float32(low_hu)
    scaled_DHW *= np.float32(2.0 / (high_hu - low_hu))
    scaled_DHW -= np.float32(1.0)
    return scaled_DHW


def _named(case: Case, step: Callable[[], R]) -> R:
    """Do a step that does not know whose images it has; its complaint gets the case's name."""
    try:
        return step()
    except BadInput as error:
        raise BadInput(f"case {case.case_id}: {error}") from error
