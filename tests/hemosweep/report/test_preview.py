from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.report.slices.preview import contact_sheet
from hemosweep.report.slices.sheet import IVH_COLOUR, LESION_COLOUR


def _data_set(folder: Path, num_cases: int) -> Path:
    """Heads of 40 HU in air, each with a lesion cube in slice 6 and blood beside it."""
    lines = ["participant_id\tpatient_id\tivh"]
    for number in range(1, num_cases + 1):
        ct = np.full((10, 40, 32), -1000, dtype=np.int16)
        ct[1:9, 5:35, 6:26] = 40
        lesion, ivh = np.zeros(ct.shape, dtype=np.uint8), np.zeros(ct.shape, dtype=np.uint8)
        lesion[6, 10:20, 10:14] = 1
        ivh[6, 10:20, 18:22] = 1
        stem = f"sub-{number:03d}"
        for suffix, array in (("ct", ct), ("label-lesion_mask", lesion), ("label-ivh_mask", ivh)):
            path = folder / stem / "ct" / f"{stem}_{suffix}.nii.gz"
            write_volume(path, Volume(array_DHW=array, affine=np.diag([5.0, 5.0, 10.0, 1.0])))
        lines.append(f"{stem}\tP{number}\tyes")
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    return folder


def _coloured(picture: np.ndarray, red: bool) -> int:
    """Number of strongly red, or of strongly cyan, pixels."""
    r, g, b = (picture[..., channel] for channel in range(3))
    # The frame is orange: red with much green.
    return int(((r > 0.8) & (g < 0.35) & (b < 0.35)).sum() if red else ((r < 0.35) & (g > 0.6) & (b > 0.7)).sum())


def test_sheet_has_one_row_a_case_and_outlines_both_masks(tmp_path: Path) -> None:
    data = _data_set(tmp_path / "data", 3)
    path = contact_sheet(data, tmp_path / "pictures" / "sheet.png")
    assert path == tmp_path / "pictures" / "sheet.png"
    three = imread(path)
    one = imread(contact_sheet(data, tmp_path / "one.png", max_cases=1))
    assert three.shape[1] == one.shape[1] == 1950
    assert three.shape[0] / one.shape[0] == pytest.approx(3.0, rel=0.03)
    framed = three[:, -270:]  # without the titles, where the words have the colours of the masks
    assert _coloured(framed, red=True) > 100
    assert _coloured(framed, red=False) > 100


def test_every_slice_has_its_number_every_row_the_right_side_and_every_colour_its_word(tmp_path, saved_figures) -> None:
    contact_sheet(_data_set(tmp_path / "data", 2), tmp_path / "sheet.png")
    written = [(text.get_text(), text.get_color()) for text in saved_figures[-1].axes[0].texts]
    numbers = [text for text, _ in written if text.startswith("slice ")]
    assert numbers == 2 * [f"slice {number} of 10" for number in (3, 4, 5, 6, 7, 8, 7)]
    assert [text for text, _ in written].count("R") == 2
    assert not any(text.get_parse_math() for text in saved_figures[-1].axes[0].texts)
    assert {("lesion 10.0 mL", LESION_COLOUR), ("IVH yes (10.0 mL)", IVH_COLOUR)} <= set(written)


def test_lesion_on_the_left_is_drawn_on_the_right(tmp_path: Path) -> None:
    # The lesion has low column numbers: the patient's left, hence right of the blood in radiological display.
    picture = imread(contact_sheet(_data_set(tmp_path / "data", 1), tmp_path / "sheet.png"))
    last = picture[:, -270:]
    red = np.flatnonzero(((last[..., 0] > 0.8) & (last[..., 1] < 0.35)).any(axis=0)).mean()
    cyan = np.flatnonzero(((last[..., 0] < 0.35) & (last[..., 1] > 0.6)).any(axis=0)).mean()
    assert red > cyan


def test_case_without_ivh_mask_is_drawn(tmp_path: Path) -> None:
    data = _data_set(tmp_path / "data", 1)
    (data / "sub-001/ct/sub-001_label-ivh_mask.nii.gz").unlink()
    (data / "participants.tsv").write_text("participant_id\tpatient_id\tivh\nsub-001\tP1\tn/a\n")
    assert _coloured(imread(contact_sheet(data, tmp_path / "sheet.png")), red=False) == 0


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"participants\.tsv: not found"):
        contact_sheet(tmp_path, tmp_path / "sheet.png")
    (tmp_path / "participants.tsv").write_text("name\n")
    with pytest.raises(BadInput, match="lacks the column"):
        contact_sheet(tmp_path, tmp_path / "sheet.png")
    with pytest.raises(BadInput, match="max_cases"):
        contact_sheet(tmp_path, tmp_path / "sheet.png", max_cases=0)


def test_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    data = _data_set(tmp_path / "data", 1)
    path = data / "sub-001/ct/sub-001_label-lesion_mask.nii.gz"
    write_volume(path, Volume(array_DHW=np.zeros((2, 3, 4), dtype=np.uint8), affine=np.eye(4)))
    with pytest.raises(BadInput, match=r"\(2, 3, 4\)"):
        contact_sheet(data, tmp_path / "sheet.png")
