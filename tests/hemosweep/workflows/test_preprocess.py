"""`hemosweep preprocess` of a phantom data set: what is made, kept, and told of a case that fails."""

from dataclasses import replace

import numpy as np
import pytest

from hemosweep.config import PreprocessingConfig
from hemosweep.data.nifti import read_volume, write_volume
from hemosweep.phantom.writer import write_phantom
from hemosweep.workflows.preprocess import prepare_data_set

CONFIG = PreprocessingConfig(spacing_HWD_mm=(4.0, 4.0, 8.0), symmetric="none")


@pytest.fixture
def data(tmp_path):
    write_phantom(tmp_path / "data", num_cases=2, size="small", seed=1, cta_share=0.0)
    return tmp_path / "data"


def prepare(data, tmp_path):
    return prepare_data_set(data, CONFIG, out=tmp_path / "runs", with_cta=True, preview=False, jobs=1)


def test_every_case_is_prepared_once_and_kept(data, tmp_path):
    first = prepare(data, tmp_path)
    assert list(first.paths) == ["sub-001", "sub-002"]
    times = {path: path.stat().st_mtime_ns for path in first.paths.values()}
    again = prepare(data, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in again.paths.values()} == times
    assert again.as_lines()[0] == "2 of 2 cases are prepared"
    assert again.as_json()["cases"]["sub-001"]["picture"] is None


def test_a_case_that_fails_is_told_and_the_others_are_made(data, tmp_path):
    (data / "sub-001" / "ct" / "sub-001_ct.nii.gz").write_bytes(b"no image")
    result = prepare(data, tmp_path)
    assert list(result.failures) == ["sub-001"]
    assert list(result.paths) == ["sub-002"]
    assert result.as_json()["num_failed"] == 1
    assert result.as_lines()[-1] == "1 of 2 cases failed; mend them and start again: the rest is kept"


def test_one_page_shows_every_case_and_those_that_failed(data, tmp_path):
    (data / "sub-002" / "ct" / "sub-002_ct.nii.gz").write_bytes(b"no image")
    result = prepare(data, tmp_path)
    assert result.page == data / "derivatives" / "hemosweep-preproc" / "cohort.html"
    page = result.page.read_text(encoding="utf-8")
    assert '<th scope="row">sub-001</th>' in page
    assert "sub-002_ct.nii.gz: not a readable NIfTI file" in page
    assert str(tmp_path) not in page
    assert result.as_json()["page"] == str(result.page)


def test_the_share_of_each_lesion_outside_the_mask_is_in_the_json_and_on_the_page(data, tmp_path):
    path = data / "sub-002" / "ct" / "sub-002_label-lesion_mask.nii.gz"
    volume = read_volume(path)
    inside = np.argwhere(volume.array_DHW)[:19]
    mask = np.zeros_like(volume.array_DHW)
    mask[tuple(inside.T)] = 1
    mask[0, 0, 0] = 1
    write_volume(path, replace(volume, array_DHW=mask))
    result = prepare(data, tmp_path)
    shares = {case_id: entry["lesion_outside_share"] for case_id, entry in result.as_json()["cases"].items()}
    assert shares == {"sub-001": 0.0, "sub-002": 1 / 20}
    (line,) = result.warning_lines()
    assert line == "1 of 2 cases (sub-002): more than 0.5% of the lesion lies outside the brain mask"
    page = result.page.read_text(encoding="utf-8")
    assert '<th scope="col" class="right">lesion outside, %</th>' in page
    assert ">5.0<" in page


def test_no_page_is_written_where_no_case_is_prepared(data, tmp_path):
    for case_id in ("sub-001", "sub-002"):
        (data / case_id / "ct" / f"{case_id}_ct.nii.gz").write_bytes(b"no image")
    assert prepare(data, tmp_path).page is None
