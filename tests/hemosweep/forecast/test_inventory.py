"""Inventory of a sweep: cases, their sizes, what is to be preprocessed, and what is done."""

from dataclasses import replace

import numpy as np
import pytest

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.forecast.inventory import take_inventory
from hemosweep.phantom.sizes import SIZES
from hemosweep.sweeps.base import demo
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.request import resolve


@pytest.fixture
def data(tmp_path):
    """Six scans of 8 x 12 x 12 voxels."""
    folder = tmp_path / "data"
    volume = Volume(array_DHW=np.zeros((8, 12, 12), dtype=np.int16), affine=np.diag([10.0, 10.0, 10.0, 1.0]))
    names = [f"sub-{number}" for number in range(1, 7)]
    for name in names:
        for suffix in ("ct", "label-lesion_mask"):
            write_volume(folder / name / "ct" / f"{name}_{suffix}.nii.gz", volume)
    rows = [f"{name}\t{name}\tno\n" for name in names]
    (folder / "participants.tsv").write_text("".join(["participant_id\tpatient_id\tivh\n", *rows]))
    return folder


def request_of(tmp_path, data=None, **options):
    return resolve(SweepOptions(name="patchsize", profile="demo", data=data, out=tmp_path / "runs", **options))


def test_before_there_are_phantoms_their_number_and_size_are_known(tmp_path):
    inventory = take_inventory(request_of(tmp_path))
    assert inventory.num_cases == demo().phantom_cases
    (sizes,) = inventory.sizes.values()
    assert {size.native_DHW for size in sizes} == {SIZES["demo"].shape_DHW}
    assert inventory.num_to_preprocess == inventory.num_cases
    assert inventory.done == frozenset()


def test_a_data_set_that_nothing_was_made_of_is_all_to_preprocess(tmp_path, data):
    inventory = take_inventory(request_of(tmp_path, data, folds=2))
    assert (inventory.num_cases, inventory.num_to_preprocess, inventory.folds) == (6, 6, (0, 1))
    assert inventory.preprocessed_bytes > 0
    assert not (tmp_path / "runs").exists()


def test_only_the_folds_that_are_trained_count(tmp_path, data):
    assert take_inventory(request_of(tmp_path, data, folds=3, only_folds=("2",))).folds == (2,)


def test_a_fold_run_holds_the_cases_of_the_other_folds(tmp_path, data):
    request = request_of(tmp_path, data, folds=3)
    inventory = take_inventory(request)
    config = request.arms[0].config
    whole = sum(
        (2 + 1) * np.prod(size.crop_DHW) + 16 * config.sampling.num_patches_per_case
        for size in inventory.sizes[config.preprocessing]
    )
    assert inventory.resident_bytes(config) == pytest.approx(whole * 2 / 3, abs=1)


def test_too_few_patients_for_the_folds_are_refused(tmp_path, data):
    request = request_of(tmp_path, data, folds=3)
    nine = replace(request.base, cross_validation=replace(request.base.cross_validation, num_folds=9))
    with pytest.raises(BadInput, match="fold"):
        take_inventory(replace(request, base=nine, arms=find_sweep("patchsize").arms(nine)))
