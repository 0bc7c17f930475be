"""`hemosweep clean`: what it lists, and that it deletes nothing before it is told to."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.workflows.clean import clean


@pytest.fixture
def out(tmp_path):
    """An output folder with a fold run that no plan and no run knows."""
    folder = tmp_path / "my runs" / "fold_runs" / ("0" * 16)
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{}")
    (folder / "checkpoint.pt").write_bytes(b"0" * 2_000_000)
    return tmp_path / "my runs"


def test_it_is_listed_with_the_command_that_deletes_it_and_stays(out):
    cleaning = clean(out)
    assert not cleaning.deleted
    assert cleaning.as_json()["mb"] == pytest.approx(2.0, abs=0.01)
    lines = cleaning.as_lines()
    assert "Nothing is deleted yet; this deletes it:" in lines
    assert lines[-1] == f"  hemosweep clean --out '{out}' --yes"
    assert (out / "fold_runs" / ("0" * 16)).is_dir()


def test_it_is_deleted_where_that_is_confirmed(out):
    cleaning = clean(out, confirmed=True)
    assert cleaning.deleted
    assert cleaning.as_lines()[-1] == "Deleted: 2.0 MB are free again."
    assert not (out / "fold_runs" / ("0" * 16)).exists()
    assert clean(out).as_lines() == [f"{out}: nothing to delete"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        clean(tmp_path / "nowhere")
