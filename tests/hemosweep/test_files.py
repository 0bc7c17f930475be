import pytest

from hemosweep.files import replacing, write_text


def test_what_is_written_takes_its_place_at_the_end_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("shared", [False, True])
def test_an_error_leaves_what_was_there_and_nothing_beside_it(tmp_path, shared):
    path = tmp_path / "b.txt"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path, shared=shared) as temporary:
        temporary.with_name("nosuch").rename(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_a_shared_file_do_not_meet(tmp_path):
    path = tmp_path / "b.txt"
    with replacing(path, shared=True) as first, replacing(path, shared=True) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first", "the one that ended last"


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    path = tmp_path / "b.txt"
    (tmp_path / ".tmp-b.txt").write_text("half of something longer")
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
