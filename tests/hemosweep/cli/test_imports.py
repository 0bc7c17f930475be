"""The import commands, made from what the importers declare."""

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer.main

from hemosweep.cli.app import app
from hemosweep.errors import BadInput
from hemosweep.importers.layouts import Layout
from hemosweep.importers.protocol import LESION_LABEL, ImportOption
from hemosweep.importers.writer import ImportSummary

asked = []
SCANS = Layout(name="Mine", marks=("scans",))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    name: str = "mine"
    help: str = "Import what our scanner exports."
    layout: Layout = SCANS
    options: tuple[ImportOption, ...] = (
        LESION_LABEL,
        ImportOption(name="key_file", kind=Path, help="Where to."),
        ImportOption(name="share", kind=float, help="How much.", default=0.5),
        ImportOption(name="with_cta", kind=bool, help="With it.", default=False),
    )

    def run(self, source, out, *, progress=None, **options):
        asked.append((source, out, options))
        return ImportSummary(written=("sub-1",), left_out=(), failures={}, warnings={}, notes=("as it came",))


MINE = Mine()


@pytest.fixture
def data(monkeypatch, capsys):
    """Runs `hemosweep data` with an importer of an installed package, and one that is broken."""
    entries = [EntryPoint(name=name, value=value, group="hemosweep.importers") for name, value in
               (("mine", "lab_of_mine:MINE"), ("lost", "lost_package:IMPORTER"))]  # fmt: skip
    monkeypatch.setattr("hemosweep.plugins.entry_points", lambda group: entries)
    monkeypatch.setitem(sys.modules, "lab_of_mine", sys.modules[__name__])
    monkeypatch.setenv("COLUMNS", "200")
    asked.clear()

    def data(*arguments):
        command = typer.main.get_group(app)
        with pytest.raises(SystemExit) as ended:
            command.main(["data", *map(str, arguments)], prog_name="hemosweep")
        return ended.value.code, *capsys.readouterr()

    return data


def test_an_importer_of_an_installed_package_is_a_command_with_its_options(data, tmp_path):
    code, out, _ = data("import-mine", "--help")
    assert code == 0
    for part in ("Import what our scanner exports.", "--lesion-label", "--key-file", "--share", "--with-cta", "DATA"):
        assert part in out
    options = ("--lesion-label", 2, "--key-file", "~/key", "--share", 0.25, "--with-cta")
    code, out, err = data("import-mine", tmp_path / "in", tmp_path / "out", *options)
    assert (code, asked[0][:2]) == (0, (tmp_path / "in", tmp_path / "out"))
    expected = {"lesion_label": 2, "key_file": Path("~/key").expanduser(), "share": 0.25, "with_cta": True}
    assert asked[0][2] == expected
    assert out.startswith(f"imported 1 cases to {tmp_path / 'out'}\n")
    assert "note: as it came" in err


def test_what_was_not_typed_has_its_default(data, tmp_path):
    assert data("import-mine", tmp_path / "in", tmp_path / "out")[0] == 0
    assert asked[0][2] == {"lesion_label": None, "key_file": None, "share": 0.5, "with_cta": False}


def test_a_value_that_an_option_refuses_is_bad_input(data, tmp_path):
    with pytest.raises(BadInput, match=r"^label 0: 0 is background"):
        typer.main.get_group(app).main(["data", "import-mine", "a", "b", "--lesion-label", "0"], standalone_mode=False)


def test_the_list_of_commands_has_them_and_warns_of_a_broken_package_once(data):
    code, out, err = data("--help")
    assert code == 0
    lines = out.partition("Make and look:")[2].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed[:4] == ["phantom", "preview", "check", "describe"]
    assert {"import-mine", "import-bhsd", "import-nnunet", "import-dicom"} <= set(listed)
    (warning,) = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert "lost_package:IMPORTER" in warning


def test_a_command_that_imports_nothing_does_not_look_for_importers(data, monkeypatch):
    monkeypatch.setattr("hemosweep.importers.catalogue.find_importers", lambda: pytest.fail("looked for"))
    assert data("check", "--help")[0] == 0


def test_a_typing_error_gets_the_nearest_command(data):
    code, _, err = data("import-bshd", "a", "b")
    assert code == 2
    assert "import-bhsd" in err
