"""`hemosweep status` of a folder, printed once."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.workflows.status import show_status


def test_a_folder_without_fold_runs_says_so(tmp_path, capsys):
    show_status(tmp_path, with_done=False, watch=False)
    assert capsys.readouterr().out.split() == f"{tmp_path}: no fold runs yet".split()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        show_status(tmp_path / "nowhere", with_done=False, watch=False)
