import os

from hemosweep.gitignore import keep_out_of_git


def entries(folder):
    return sorted(os.listdir(folder))


def test_a_new_output_folder_ignores_all_that_is_in_it(tmp_path):
    keep_out_of_git(tmp_path / "lab" / "runs")
    assert (tmp_path / "lab/runs/.gitignore").read_text() == "*\n"
    assert entries(tmp_path / "lab") == ["runs"]


def test_one_of_an_earlier_version_gets_it_too(tmp_path):
    for name in ("fold_runs", "figures", "phantom-demo", "mlflow.db", "mlflow.db-wal"):
        (tmp_path / name).touch()
    keep_out_of_git(tmp_path)
    assert (tmp_path / ".gitignore").exists()


def test_a_folder_with_anything_else_is_left_alone(tmp_path):
    for name in (".git", "tversky.py", "participants.tsv"):
        folder = tmp_path / f"with {name}"
        (folder / "fold_runs").mkdir(parents=True)
        (folder / name).touch()
        keep_out_of_git(folder)
        assert entries(folder) == sorted([name, "fold_runs"])


def test_what_a_user_wrote_stays(tmp_path):
    (tmp_path / ".gitignore").write_text("*.db\n")
    keep_out_of_git(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.db\n"


def test_a_folder_that_cannot_be_written_to_is_no_error(as_nobody):
    as_nobody.chmod(0o555)
    keep_out_of_git(as_nobody)
    keep_out_of_git(as_nobody / "runs")
    assert entries(as_nobody) == []
    file = as_nobody / "file"
    keep_out_of_git(file / "runs")
