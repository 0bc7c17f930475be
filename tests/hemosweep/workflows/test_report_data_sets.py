"""The data set of a report's pictures, known for that of a run by its content."""

import pytest

from hemosweep.data.content import input_digest
from hemosweep.data.manifest import read_manifest
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.phantom.writer import write_phantom
from hemosweep.workflows.reporting.data_sets import DataSets


@pytest.fixture
def out(tmp_path):
    write_phantom(tmp_path / "phantom-demo", num_cases=2, size="small", seed=1, cta_share=0.0)
    return tmp_path


def digest(out):
    cases = read_manifest(out / "phantom-demo")
    return digest_json(sorted([case.case_id, input_digest(case, with_cta=True)] for case in cases))


def test_the_phantoms_of_an_output_folder_are_found_by_what_they_hold(out):
    found = DataSets(out, None).find(digest(out), ["sub-001", "sub-002"])
    assert found.is_phantom
    assert list(found.cases) == ["sub-001", "sub-002"]


def test_other_content_other_cases_and_no_digest_find_nothing(out):
    sets, digest_before = DataSets(out, None), digest(out)
    assert sets.find(digest_before, ["sub-001"]) is None
    assert sets.find(digest_before, ["sub-009"]) is None
    assert sets.find(None, ["sub-001"]) is None
    (out / "phantom-demo" / "sub-001" / "ct" / "sub-001_ct.nii.gz").write_bytes(b"another")
    assert DataSets(out, None).find(digest_before, ["sub-001", "sub-002"]) is None


def test_a_data_set_that_is_given_must_be_one_and_is_named_where_it_is_not_that_of_the_runs(out, tmp_path):
    assert DataSets(out, out / "phantom-demo").none_found == "is not the one given with --data"
    assert DataSets(out, None).none_found == "is not here; give it with --data"
    with pytest.raises(BadInput):
        DataSets(out, tmp_path / "nowhere")
