"""Helps of every command: they fit the terminal, leave out no word, and show an example."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from hemosweep.cli.app import app
from hemosweep.cli.help import OTHER


def walk(command, context, path=()):
    """Every command below a group, with its path; the group itself, too."""
    yield path, command
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), context, (*path, name))


@pytest.fixture(scope="module")
def commands():
    root = typer.main.get_command(app)
    return dict(walk(root, root.make_context("hemosweep", [], resilient_parsing=True)))


@pytest.fixture
def help_of(commands, monkeypatch, capsys):
    def help_of(path, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as ended:
            commands[()].main([*path, "--help"], prog_name="hemosweep")
        assert not ended.value.code
        return capsys.readouterr().out

    return help_of


@pytest.mark.parametrize("columns", [80, 120])
def test_every_help_fits_the_terminal_and_is_cut_nowhere(commands, help_of, columns):
    assert len(commands) > 30
    for path in commands:
        for line in help_of(path, columns).splitlines():
            assert len(line) <= columns, (path, line)
            assert not line.rstrip().endswith("...") or line.startswith("Usage: "), (path, line)


def test_a_wide_terminal_is_used(help_of):
    assert max(map(len, help_of(("sweep",), 120).splitlines())) > 100
    assert max(map(len, help_of(("sweep",), 300).splitlines())) <= 120


def test_a_help_that_is_piped_has_80_columns(help_of):
    command, environment = Path(sys.executable).with_name("hemosweep"), {**os.environ}
    environment.pop("COLUMNS", None)
    piped = subprocess.run(
        [command, "sweep", "--help"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout == help_of(("sweep",), 80)


def test_every_command_is_listed_in_a_section_with_a_whole_sentence(commands, help_of):
    for group in ((), ("data",)):
        text = help_of(group)
        assert f"{OTHER}:" not in text
        for name in commands[group].commands:
            sentence = commands[*group, name].get_short_help_str(1000)
            assert sentence.endswith((".", ")")) or name.startswith("import-"), sentence
            assert f"  {name} " in text
            assert "".join(sentence.split()) in "".join(text.split()), sentence


def test_every_command_ends_with_an_example_of_itself(commands, help_of):
    for path, command in commands.items():
        if path and not hasattr(command, "commands"):
            _, _, examples = help_of(path).partition("Example")
            assert f"hemosweep {' '.join(path)}" in examples, path


def test_the_examples_can_be_parsed(commands, monkeypatch):
    """Their options are there, and none is missing."""
    monkeypatch.setattr("hemosweep.cli.options.check_data_folder", lambda path: None)
    for path, command in commands.items():
        lines = (line.strip() for line in (command.epilog or "").splitlines())
        for example in (line for line in lines if line.startswith(f"hemosweep {' '.join(path)}")):
            arguments = example.split()[1 + len(path) :]
            if "--help" not in arguments and path:
                command.make_context(path[-1], arguments)


def test_the_variables_that_stand_for_options_are_named(help_of):
    text = help_of(())
    for name in ("HEMOSWEEP_OUT", "HEMOSWEEP_DATA", "HEMOSWEEP_USER", "MLFLOW_TRACKING_URI"):
        assert name in text
    assert "[env var: HEMOSWEEP_OUT; default: runs]" in " ".join(help_of(("runs",)).split())
    assert "HEMOSWEEP_DATA" in help_of(("sweep",))
    assert "HEMOSWEEP_DATA" in help_of(("data", "check"))
