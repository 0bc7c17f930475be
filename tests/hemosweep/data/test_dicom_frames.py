"""Enhanced CT objects: frames whose attributes lie in functional groups."""

from pathlib import Path

import numpy as np
import pytest

from hemosweep.data.dicom import DicomSeries, list_series, read_series
from hemosweep.errors import BadInput
from tests.dicom_files import PLANTED, head_HW, write_enhanced, write_series

LEGACY = "1.2.840.10008.5.1.4.1.1.2.2"


def only(folder: Path) -> DicomSeries:
    (series,) = list_series(folder).series
    return series


@pytest.mark.parametrize("syntax", [None, "1.2.840.10008.1.2.5"], ids=["plain", "RLE"])
def test_an_enhanced_object_is_the_volume_of_its_single_slices(tmp_path: Path, syntax: str | None) -> None:
    write_series(tmp_path / "single")
    write_enhanced(tmp_path / "enhanced" / "Doe_Jane.dcm", syntax=syntax)
    single, enhanced = (read_series(only(tmp_path / name)) for name in ("single", "enhanced"))
    np.testing.assert_array_equal(enhanced.array_DHW, single.array_DHW)
    np.testing.assert_allclose(enhanced.affine, single.affine)
    assert enhanced.warnings == ()


def test_frames_are_ordered_by_place_and_not_as_they_are_stored(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "a.dcm", (10.0, 0.0, 15.0, 5.0))
    series = only(tmp_path)
    np.testing.assert_array_equal(read_series(series).array_DHW[:, 10, 9], [10, 30, 0, 20])
    assert series.places[0] == "frame 2 of file 1 of 1 in its folder"


def test_a_frame_has_its_own_slope_and_intercept(tmp_path: Path) -> None:
    own = [{"RescaleSlope": 2.0, "RescaleIntercept": -1000.0 - index} for index in range(4)]
    write_enhanced(tmp_path / "a.dcm", frames={"PixelValueTransformationSequence": own})
    # 1024 + 10 k is stored, and 2 (1024 + 10 k) - 1000 - k is meant.
    np.testing.assert_array_equal(read_series(only(tmp_path)).array_DHW[:, 10, 9], [1048, 1067, 1086, 1105])


def test_tilt_and_pixel_size_are_read_of_the_groups(tmp_path: Path) -> None:
    turn = np.deg2rad(-18.5)
    tilted = {"ImageOrientationPatient": [1, 0, 0, 0, float(np.cos(turn)), float(np.sin(turn))]}
    write_enhanced(
        tmp_path / "a.dcm",
        shared={"PlaneOrientationSequence": None, "PixelMeasuresSequence": {"PixelSpacing": [0.5, 0.25]}},
        frames={"PlaneOrientationSequence": [tilted] * 4},
    )
    volume = read_series(only(tmp_path))
    assert volume.spacing_DHW_mm == pytest.approx((5.0, 0.5, 0.25))
    assert volume.warnings == ("the gantry was tilted by 18.5 degrees",)


def test_what_decides_about_a_series_is_read_of_the_groups(tmp_path: Path) -> None:
    region = {"AnatomicRegionSequence": {"CodeValue": "69536005", "CodeMeaning": "Head"}}
    write_enhanced(
        tmp_path / "a.dcm",
        shared={
            "CTReconstructionSequence": {"ConvolutionKernel": ["Hr68h", "3"]},
            "CTImageFrameTypeSequence": {"FrameType": ["DERIVED", "PRIMARY", "MPR", "NONE"]},
            "FrameAnatomySequence": region,
            "ContrastBolusUsageSequence": {"ContrastBolusAgentAdministered": "YES"},
        },
        ContrastBolusAgentSequence=[],
    )
    header = only(tmp_path).header
    assert (header.kernel, header.derived, header.body_part, header.contrast_agent) == ("Hr68h", True, "Head", "")


@pytest.mark.parametrize(("administered", "agent"), [("YES", "Iohexol"), ("NO", ""), (None, "Iohexol")])
def test_an_agent_counts_unless_the_frame_was_scanned_without_it(
    tmp_path: Path, administered: str | None, agent: str
) -> None:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeMeaning = "Iohexol"
    usage = {"ContrastBolusUsageSequence": administered and {"ContrastBolusAgentAdministered": administered}}
    write_enhanced(tmp_path / "a.dcm", shared=usage, ContrastBolusAgentSequence=[code])
    assert only(tmp_path).header.contrast_agent == agent


def test_a_converted_object_keeps_kernel_and_agent_among_its_unassigned_attributes(tmp_path: Path) -> None:
    write_enhanced(
        tmp_path / "a.dcm",
        SOPClassUID=LEGACY,
        shared={"UnassignedSharedConvertedAttributesSequence": {"ConvolutionKernel": "BONE"}},
        frames={"UnassignedPerFrameConvertedAttributesSequence": [{"ContrastBolusAgent": "Ultravist"}] * 4},
    )
    series = only(tmp_path)
    assert (series.header.kernel, series.header.contrast_agent) == ("BONE", "Ultravist")
    np.testing.assert_array_equal(read_series(series).array_DHW[0, ::-1, ::-1][6:9, 6:9], head_HW()[6:9, 6:9])


def test_a_localizer_among_the_frames_is_split_off(tmp_path: Path) -> None:
    kinds = [{"FrameType": ["ORIGINAL", "PRIMARY", kind, "NONE"]} for kind in ("LOCALIZER", *["AXIAL"] * 4)]
    write_enhanced(tmp_path / "a.dcm", (99.0, 0.0, 5.0, 10.0, 15.0), frames={"CTImageFrameTypeSequence": kinds})
    by_refusal = {series.refusal: len(series.paths) for series in list_series(tmp_path).series}
    assert by_refusal == {"is a localizer": 1, None: 4}


def test_several_objects_of_one_series_are_one_volume(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "a.dcm", (0.0, 5.0), instance=1)
    write_enhanced(tmp_path / "b.dcm", (10.0, 15.0), instance=2)
    np.testing.assert_array_equal(read_series(only(tmp_path)).array_DHW[:, 10, 9], [0, 10, 0, 10])


def test_a_copy_of_an_object_is_left_out(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    volume = read_series(only(tmp_path))
    assert volume.array_DHW.shape == (4, 16, 16)
    assert volume.warnings == ("1 file is a copy of another slice, left out",)


def test_several_stacks_of_one_object_are_series_of_their_own(tmp_path: Path) -> None:
    stacks = [{"StackID": str(index // 4)} for index in range(8)]
    write_enhanced(tmp_path / "a.dcm", (0.0, 5.0, 10.0, 15.0) * 2, frames={"FrameContentSequence": stacks})
    first, second = (read_series(series) for series in list_series(tmp_path).series)
    np.testing.assert_array_equal(first.array_DHW[:, 10, 9], [0, 10, 20, 30])
    np.testing.assert_array_equal(second.array_DHW[:, 10, 9], [40, 50, 60, 70])
    assert "are told apart by their stack or time point: this is number 2" in second.warnings[0]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"NumberOfFrames": 5}, "is a multi-frame object that does not describe each frame: export it again"),
        (
            {"frames": {"PlanePositionSequence": [{"ImagePositionPatient": [0.0, 0.0, 5.0]}] * 3 + [None]}},
            "is a multi-frame object, and 1 of its 4 frames do not say where they lie: export it again",
        ),
        ({"frames": {"PlanePositionSequence": [None] * 4}}, "does not say where its slices lie"),
        ({"shared": {"PlaneOrientationSequence": None}}, "does not say where its slices lie"),
        ({"shared": {"PixelMeasuresSequence": None}}, "does not say where its slices lie"),
        (
            {"z_mm": (0.0, 5.0, 5.0, 10.0)},
            "1 of its slices lie where another does: it mixes several scans, and no tag parts it into whole scans (in "
            "SOURCE frame 2 of file 1, frame 3 of file 1, by name): move the files of one of them elsewhere",
        ),
        ({"z_mm": (0.0, 5.0, 45.0, 50.0)}, "between two of its slices is a gap of 40 mm: a part is missing"),
        ({"Modality": "MR"}, "is not CT"),
        (
            {"shared": {"PixelValueTransformationSequence": {"RescaleSlope": 1, "RescaleType": "MGML"}}},
            "is a map of another unit than HU",
        ),
    ],
    ids=["number", "a place", "places", "orientation", "pixel size", "doubled", "gap", "MR", "unit"],
)  # fmt: skip
def test_an_object_that_lacks_a_piece_is_refused_in_one_line(
    tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    write_enhanced(tmp_path / "a.dcm", **options)
    refusals = {series.refusal for series in list_series(tmp_path).series}
    assert refusals == {reason}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_object_that_is_cut_off_is_never_read_as_whole(tmp_path: Path, share: float) -> None:
    write_enhanced(tmp_path / "b.dcm")
    write_series(tmp_path / "other")
    content = (tmp_path / "b.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(content[: int(share * len(content))])
    for series in list_series(tmp_path).series:
        if series.folder == "SOURCE":
            with pytest.raises(BadInput) as caught:
                read_series(series)
            assert "\n" not in str(caught.value)
            assert not any(name in str(caught.value) for name in PLANTED)
