from pathlib import Path

import numpy as np
import pytest
import torch

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.forecast.footprint import (
    HEAD_SHARE,
    CaseSize,
    CTGrid,
    expected_size,
    file_bytes,
    prediction_bytes,
    preprocessed_size,
    read_scan,
    resident_bytes,
)
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.sampling.bank import PatchBank
from hemosweep.training.fold_run import draw_fold_centres


def case(folder, name="a", *, mask=None):
    return Case(case_id=name, patient_id=name, ivh=None, ct_path=folder / f"{name}.nii.gz", lesion_path=mask)


def test_a_preprocessed_case_tells_its_size_on_both_grids(tiny_inputs):
    prepared = load_preprocessed(tiny_inputs["a"])
    size = preprocessed_size(tiny_inputs["a"])
    assert (size.native_DHW, size.crop_DHW) == (prepared.reference_DHW.shape, prepared.brain_DHW.shape)


def test_a_scan_tells_its_grid_by_its_header(tmp_path):
    volume = Volume(array_DHW=np.zeros((5, 7, 9), dtype=np.int16), affine=np.diag([0.5, 0.6, 4.0, 1.0]))
    write_volume(tmp_path / "a.nii.gz", volume)
    scan = read_scan(case(tmp_path))
    assert scan.shape_DHW == (5, 7, 9)
    assert scan.spacing_DHW_mm == pytest.approx((4.0, 0.6, 0.5))


@pytest.mark.parametrize("content", [None, b"", b"no scan"])
def test_a_scan_without_a_header_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(BadInput, match=r"^case a: the header of a\.nii\.gz cannot be read .* hemosweep data check"):
        read_scan(case(tmp_path))


def test_a_case_to_be_preprocessed_is_expected_on_its_coarser_grid_without_the_air_around_the_head():
    scan = CTGrid(shape_DHW=(30, 400, 400), spacing_DHW_mm=(5.0, 0.5, 0.5))
    size = expected_size(scan, PreprocessingConfig(spacing_HWD_mm=(1.0, 2.0, 5.0)))
    assert size.native_DHW == (30, 400, 400)
    assert size.crop_DHW == tuple(round(length * HEAD_SHARE ** (1 / 3)) for length in (30, 200, 100))


def test_a_preprocessed_file_grows_with_its_voxels_and_channels():
    size = CaseSize(native_DHW=(9, 9, 9), crop_DHW=(10, 100, 100))
    one, two = (file_bytes(size, PreprocessingConfig(symmetric=symmetric)) for symmetric in ("none", "plane"))
    assert one == pytest.approx(0.2 * 100_000 / HEAD_SHARE, abs=1)
    assert two == pytest.approx(2 * one, abs=1)


def test_a_case_takes_what_its_patch_bank_takes_and_the_bank_one_voxel_of_background(tiny_inputs, tiny_config):
    config = tiny_config()
    prepared = load_preprocessed(tiny_inputs["a"])
    centres = draw_fold_centres(prepared, config, seed=0)
    bank = PatchBank([(prepared, centres)], config.sampling.patch_DHW, torch.device("cpu"))
    background = 2 * len(prepared.image_CDHW) + 1
    assert bank.num_bytes == resident_bytes(preprocessed_size(tiny_inputs["a"]), config) + background


def test_predictions_take_what_the_reference_masks_take(tmp_path):
    masks = [tmp_path / "1", tmp_path / "2"]
    for mask in masks:
        mask.write_bytes(b"x" * 50)
    cases = [case(tmp_path, mask.name, mask=mask) for mask in masks]
    assert prediction_bytes([*cases, case(tmp_path, "3"), case(tmp_path, "4", mask=Path("gone"))]) == 100
