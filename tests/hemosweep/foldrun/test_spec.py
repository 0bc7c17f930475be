import json
from dataclasses import replace

import pytest

from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import FoldRunSpec, write_json
from hemosweep.sweeps.base import demo, paper


@pytest.mark.parametrize("profile", [demo, paper])
def test_a_spec_comes_back_from_its_folder_as_it_was(tmp_path, tiny_spec, profile):
    spec = replace(tiny_spec(seed=3, fold=2), config=profile().config)
    spec.write(tmp_path / "new" / "folder")
    assert FoldRunSpec.read(tmp_path / "new" / "folder") == spec


def test_the_spec_file_is_plain_json(tmp_path, tiny_spec):
    tiny_spec(digest="0123").write(tmp_path)
    values = json.loads((tmp_path / "spec.json").read_text())
    names = {"digest", "source", "project_source", "metrics_source", "metrics", "project", "seed", "fold", "config"}
    assert values.keys() == {*names, "train", "validation", "test"}
    assert [case["case_id"] for case in values["train"]] == ["a", "b"]
    assert values["config"]["sampling"]["patch_HWD"] == [4, 4, 4]


def test_a_folder_without_a_spec_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match=r"not a fold run's folder, it has no spec\.json"):
        FoldRunSpec.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "\0" * 20, '{"digest": "01', "7", "[]", "{}", '{"digest": "0", "source": null, "config": {"model": []}}'],
    ids=["empty", "zeros", "half", "a number", "a list", "nothing", "another version"],
)
def test_a_spec_that_cannot_be_read_is_bad_input(tmp_path, content):
    (tmp_path / "spec.json").write_text(content)
    with pytest.raises(BadInput, match=r"spec\.json is damaged, or of another version; run its sweep again"):
        FoldRunSpec.read(tmp_path)


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, [float("nan")])
    assert json.loads(path.read_text()) == [1]
