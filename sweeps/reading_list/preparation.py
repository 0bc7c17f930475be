"""Choices of the data and their preparation."""

from collections.abc import Iterator

from hemosweep.config import ArmConfig
from hemosweep.intensity.window import Window
from hemosweep.sweeps.base import SLICE_GAP_MM, SLICE_THICKNESS_MM
from hemosweep.sweeps.reading_list.reading import LABORATORY, Reading, changed, inferred, printed, size


def preparation(config: ArmConfig) -> Iterator[Reading]:
    preprocessing = config.preprocessing
    yield printed(
        "Lesion", "the hematoma; blood in the ventricles is background", "2.1.1", "PreprocessingConfig.lesion_label"
    )
    yield inferred(
        "Slices",
        f"{SLICE_THICKNESS_MM + SLICE_GAP_MM:g} mm from one to the next in the phantom; a data set has its own",
        "2.1, Table 1",
        f"thickness {SLICE_THICKNESS_MM:g} mm and gap {SLICE_GAP_MM:g} mm, the gap taken for what lies between slices",
        f"slices {SLICE_GAP_MM:g} mm apart that overlap: a patch is then a third as long",
    )
    yield printed("Head holder and skull", "removed by morphology and the largest component", "2.1.2")
    yield inferred(
        "Grid",
        "the scanner's" if preprocessing.spacing_HWD_mm is None else f"{size(preprocessing.spacing_HWD_mm)} mm",
        "2.1.2",
        "no resampling is named, and patches are stated in voxels",
        "one grid for all cases",
        "PreprocessingConfig.spacing_HWD_mm",
        "PreprocessingConfig.make_finer",
        "PreprocessingConfig.shape_HWD",
    )
    yield inferred(
        "Intensity",
        f"{_window(preprocessing.intensity)} to -1 and 1, outside the brain -1",
        "2.1.2",
        "nothing is printed; the window shows brain and blood",
        f"z-score, as in {LABORATORY}; min-max; arms of readings",
        "PreprocessingConfig.intensity",
        "PreprocessingConfig.ct_channels",
        "Window.low_hu",
        "Window.high_hu",
    )
    yield changed(
        "Symmetric image",
        {"plane": "mirrored about an estimated mid-sagittal plane"}.get(
            preprocessing.symmetric, preprocessing.symmetric
        ),
        "2.1.2",
        "the paper registers the flipped image with FLIRT, which not everybody has and which takes longer; the methods "
        "register and flirt do that",
        "PreprocessingConfig.symmetric",
    )
    yield printed(
        "Angiography",
        "registered to the CT, a channel of its own in angio",
        "2.1.2, 3.4",
        "PreprocessingConfig.angiography",
    )
    yield inferred(
        "Intensity of the angiography",
        _window(preprocessing.angiography_intensity),
        "2.1.2",
        "nothing is printed; vessels with contrast lie in it",
        "as that of the CT",
        "PreprocessingConfig.angiography_intensity",
    )


def _window(intensity: object) -> str:
    assert isinstance(intensity, Window)
    return f"{intensity.low_hu:g} to {intensity.high_hu:g} HU"
