"""Completions as the shells ask for them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hemosweep.cli
from hemosweep.ablation.catalogue import known_sweeps, own_sweeps
from hemosweep.cli import completion
from hemosweep.tracking import names
from tests.imports import imported

FOUND = {
    ("loss", "focal"): ["loss/focal@0", "loss/focal@1"],
    ("loss", "dice_ce"): ["loss/dice_ce@0"],
    ("mine", "500->3000"): ["mine/500->3000@0"],
}


@pytest.fixture
def asked(monkeypatch):
    """The folders of results that were looked into; each has FOUND."""
    asked = []
    monkeypatch.setattr(names, "finished_arms", lambda out: asked.append(out) or FOUND)
    return asked


@pytest.fixture
def ask(monkeypatch):
    """Completions of a line, broken into words as bash does; the last one is that at the cursor."""

    def ask(*words, shell="bash"):
        monkeypatch.setattr(sys, "argv", ["hemosweep"])
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        monkeypatch.setenv(completion.VARIABLE, f"complete_{shell}")
        line = ["hemosweep", *map(str, words)]
        monkeypatch.setenv("COMP_WORDS", "\n".join(line))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", " ".join(line))
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        with pytest.raises(SystemExit):
            hemosweep.cli.main()
        assert sys.stderr.getvalue() == ""
        return [line for line in sys.stdout.getvalue().splitlines() if line]

    return ask


def test_commands_and_options_are_completed(ask):
    assert ask("comp") == ["compare", "compare-all"]
    assert ask("data", "import-n") == ["import-nnunet"]
    assert "--only-folds" in ask("sweep", "se", "--on")


def test_sweeps_are_those_of_the_catalogue(ask):
    for command in ("sweep", "plan", "score"):
        assert set(ask(command, "")) >= set(known_sweeps())
    assert ask("sweep", "pat") == ["patchsize"]


def test_the_names_that_are_read_in_the_files_are_those_of_the_sweeps():
    assert {*completion._own_sweeps()} == {*own_sweeps()}


def test_a_sweep_of_an_installed_package_is_named_without_loading_it(ask, monkeypatch):
    from importlib.metadata import EntryPoint

    entry = EntryPoint(name="tversky", value="package_that_is_slow:SWEEP", group="hemosweep.sweeps")
    monkeypatch.setattr("hemosweep.plugins.entry_points", lambda group: [entry] if group == entry.group else [])
    assert ask("plan", "tv") == ["tversky"]


def test_arms_are_those_of_the_sweep_that_are_not_typed_yet(ask, asked):
    assert ask("sweep", "patchsize", "--arms", "") == ["24x24x8", "32x32x16", "48x48x24"]
    assert ask("sweep", "patchsize", "--arms", "24x24x8,") == ["24x24x8,32x32x16", "24x24x8,48x48x24"]
    assert ask("sweep", "patchsize", "--arms", "=", "3") == ["32x32x16"]
    assert asked == []
    assert ask("plan", "mine", "--arms", "") == [r"500-\>3000"]


def test_runs_and_recorded_sweeps_are_those_of_the_folder_of_results(ask, asked, monkeypatch):
    arms = ["loss/focal", "loss/dice_ce", r"mine/500-\>3000", "loss/focal@0", "loss/focal@1"]
    for line in (("compare", ""), ("compare", "a", ""), ("predict", "x.nii", "--run", ""), ("promote", "")):
        assert ask(*line) == arms
    for line in (("compare-all", ""), ("power", ""), ("report", ""), ("runs", "--sweep", ""), ("ui", "--sweep", "")):
        assert ask(*line) == ["loss", "mine"]
    assert set(asked) == {Path("runs")}
    asked.clear()
    monkeypatch.setenv("HEMOSWEEP_OUT", "results")
    ask("compare", "")
    ask("compare", "--out", "typed", "")
    ask("compare", "--out", "=", "typed", "")
    assert asked == [Path("results"), Path("typed"), Path("typed")]


def test_a_name_that_bash_breaks_is_completed_behind_the_break(ask, asked):
    assert ask("compare", "loss/focal", "@", "") == ["0", "1"]
    assert ask("compare", "loss/focal", "@", "1") == ["1"]
    assert ask("compare", "loss/focal", "@", "0", "loss/d") == ["loss/dice_ce"]


def test_a_name_with_a_meaning_for_the_shell_is_completed_in_quotes_as_it_is(ask, asked):
    assert ask("compare", "'mine/") == ["mine/500->3000"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sweep", "se", "--profile", ""), ["demo", "paper"]),
        (("sweep", "se", "--executor", ""), ["local", "dask", "slurm"]),
        (("sweep", "se", "--seeds", ""), ["auto"]),
        (("preprocess", "x", "--symmetric", "f"), ["flirt"]),
        (("data", "phantom", "x", "--size", "d"), ["demo"]),
        (("bench", ""), ["cpu", "gpu", "all"]),
        (("compare", "a", "b", "--metric", "ns"), ["nsd"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_values_of_options_are_completed(ask, words, expected):
    assert ask(*words) == expected


def test_zsh_and_fish_get_them_in_their_own_way(ask, asked):
    assert ask("sweep", "pat", shell="zsh") == ["""_arguments '*: :(("patchsize"))'"""]
    assert ask("sweep", "pat", shell="fish") == ["patchsize"]
    assert ask("compare", "mine/", shell="fish") == ["mine/500->3000"]


def test_nothing_is_raised_where_the_names_cannot_be_found(ask, monkeypatch):
    def fail(out):
        raise ZeroDivisionError

    monkeypatch.setattr(names, "finished_arms", fail)
    assert ask("compare", "") == []


def test_a_folder_that_holds_no_usable_store_completes_nothing(ask, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database, and more than its first page would need" * 100)
    assert ask("compare", "--out", tmp_path, "") == []
    assert ask("compare", "--out", tmp_path / "gone", "") == []


def test_an_option_that_prints_and_ends_does_neither(ask):
    assert set(ask("--version", "swe")) == {"sweep", "sweeps"}


@pytest.mark.parametrize("words", [("--out", "~nobody-of-that-name/x", ""), ("(", ""), ("'", ""), ("=", "")])
def test_an_odd_line_is_no_error(ask, words):
    ask("compare", *words)


def test_a_completion_imports_nothing_that_takes_long(monkeypatch):
    heavy = (
        "torch",
        "mlflow",
        "optuna",
        "pandas",
        "numpy",
        "scipy",
        "sqlalchemy",
        "rich",
        "pydantic",
        "hemosweep.config",
    )
    monkeypatch.setenv(completion.VARIABLE, "complete_bash")
    for words in (("sweep", ""), ("compare", ""), ("data", "")):
        monkeypatch.setenv("COMP_WORDS", "\n".join(["hemosweep", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        _, names = imported(heavy, [])
        assert names == []


# --- A real shell -----------------------------------------------------------------------------------------------------

BASH = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_hemosweep_completion {command}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def test_bash_completes_with_the_script_that_is_installed(tmp_path):
    command = Path(sys.executable).with_name("hemosweep")
    environment = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    # As a user does in a terminal; a second command keeps bash from giving its place to the first.
    installing = ["bash", "--norc", "-c", f"{command} --install-completion; true"]
    installed = subprocess.run(installing, env=environment, capture_output=True, text=True)
    assert "bash completion installed" in installed.stdout, installed
    script = tmp_path / ".bash_completions" / "hemosweep.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text()
    code = BASH.format(script=script, words="hemosweep sweep patchsize --arms 24x24x8,", command=command)
    done = subprocess.run(["bash", "--norc", "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["24x24x8,32x32x16", "24x24x8,48x48x24"], "")
