"""Options that several commands share."""

import subprocess
import sys

import pytest

from hemosweep.cli.options import print_lines

CODE = """
import sys
from hemosweep.cli import main
sys.argv = ["hemosweep", *{words!r}]
try:
    main()
finally:
    print(*sorted({{"torch", "mlflow", "optuna", "matplotlib", "pandas"}} & set(sys.modules)))
"""


def test_lines_go_on_in_the_next_one_on_a_terminal_and_stay_one_in_a_file(monkeypatch, capsys):
    line = " ".join(["before a sweep:", *["word"] * 30])
    monkeypatch.setenv("COLUMNS", "80")
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_terminal=is_terminal: is_terminal)
        print_lines([line])
    *wrapped, whole = capsys.readouterr().out.splitlines()
    assert whole == line
    assert len(wrapped) == 3
    assert max(map(len, wrapped)) <= 80
    assert " ".join(" ".join(wrapped).split()) == line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sweep", "se", "--data", "nowhere"), "nowhere: no such data folder; give the folder that holds"),
        (("plan", "se", "--data", "nowhere"), "nowhere: no such data folder"),
        (("data", "check", "nowhere"), "nowhere: no such data folder"),
        (("preprocess", "nowhere"), "nowhere: no such data folder"),
        (("report", "--out", "nowhere"), "the folder nowhere has no runs; start one with"),
        (("sweep", "se", "--data", "."), "participants.tsv: not found; a data set needs it"),
        (("plan", "se", "--data", "."), "participants.tsv: not found; a data set needs it"),
        (("plan", "nosuch"), "unknown sweep 'nosuch'; there is se, loss"),
        (("plan", "patchsize", "--arms", "16x16x4"), "sweep patchsize has no arm '16x16x4'; its arms are"),
        (("sweep", "patchsize", "--arms", "16x16x4"), "sweep patchsize has no arm '16x16x4'; its arms are"),
        (("predict", "scan.nii.gz", "--run", "se/unet"), "scan.nii.gz: no such file; give a CT as NIfTI"),
        (("predict", ".", "--run", "se/unet"), "holds no *.nii.gz, no *.nii and no participants.tsv"),
        (("predict", "scan.nii.gz"), "give either --run or --model"),
        (("predict", "scan.nii.gz", "--run", "se/unet", "--tracking", "http://HOST:5000"), "give --model"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_mistake_of_the_command_line_is_told_before_a_library_is_loaded(words, said, tmp_path):
    code = CODE.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "\n")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
