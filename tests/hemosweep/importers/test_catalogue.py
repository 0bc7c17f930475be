"""Importers are found in this package's files and in installed packages, and each is a command."""

import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import hemosweep.importers
from hemosweep.errors import BadInput
from hemosweep.importers.bhsd import IMPORTERS
from hemosweep.importers.catalogue import find_importers
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import ImportOption, check_label, importer_fault

NAMES = ["bhsd", "cq500", "ct-ich", "dicom", "hemseg", "instance", "mbh-seg", "nnunet"]
SCANS = Layout(name="Mine", marks=("scans", "outlines"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    """An importer as a lab writes it."""

    name: str = "mine"
    help: str = "Import what our scanner exports."
    layout: Layout = SCANS
    options: tuple[ImportOption, ...] = ()

    def run(self, source, out, *, progress=None):
        find_root(source, self.layout)


MINE = Mine()


@dataclass
class Thawed:
    name: str = "thawed"


THAWED = Thawed()


@pytest.fixture
def install(monkeypatch):
    """Puts entry points of importers there, as installed packages have them."""

    def install(*values):
        entries = [EntryPoint(name=f"e{n}", value=value, group="hemosweep.importers") for n, value in enumerate(values)]
        monkeypatch.setattr("hemosweep.plugins.entry_points", lambda group: [e for e in entries if e.group == group])
        monkeypatch.setitem(sys.modules, "lab", sys.modules[__name__])

    return install


def test_every_file_of_the_package_with_an_importer_is_found():
    catalogue = find_importers()
    assert (list(catalogue.importers), catalogue.warnings) == (NAMES, ())


def test_a_new_file_in_the_package_is_all_that_an_importer_needs(tmp_path, monkeypatch):
    (tmp_path / "lab_layout.py").write_text(
        "from dataclasses import replace\n"
        "from hemosweep.importers import bhsd\n"
        "IMPORTER = replace(bhsd.IMPORTERS[0], name='lab-layout')\n"
    )
    monkeypatch.setattr(hemosweep.importers, "__path__", [*hemosweep.importers.__path__, str(tmp_path)])
    try:
        assert "lab-layout" in find_importers().importers
    finally:
        sys.modules.pop("hemosweep.importers.lab_layout", None)


def test_an_installed_package_offers_its_own(install):
    install("lab:MINE")
    catalogue = find_importers()
    assert (list(catalogue.importers), catalogue.warnings) == (sorted([*NAMES, "mine"]), ())
    assert catalogue.importers["mine"] is MINE


def test_two_importers_of_one_name_are_refused_with_both_places(install, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "MINE", replace(MINE, name="bhsd"))
    install("lab:MINE")
    with pytest.raises(BadInput) as refused:
        find_importers()
    assert str(refused.value).startswith("two importers are named 'bhsd', of hemosweep.importers.bhsd and of ")
    assert "lab:MINE" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("lost_package:IMPORTER", "ModuleNotFoundError: No module named 'lost_package'"),
        ("lab:LOST", "AttributeError"),
        ("lab:THAWED", "is no instance of a frozen dataclass"),
        ("lab:Mine", "is no instance of a frozen dataclass"),
    ],
)
def test_a_broken_entry_point_is_a_warning_and_the_others_are_there(install, value, said):
    install(value, "lab:MINE")
    catalogue = find_importers()
    (warning,) = catalogue.warnings
    assert value in warning
    assert said in warning
    assert "\n" not in warning
    assert "mine" in catalogue.importers


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": "Two Words"}, "has the name 'Two Words'"),
        ({"help": "Two\nlines."}, "has a help that is not one line"),
        ({"help": ""}, "has a help that is not one line"),
        ({"layout": "bhsd"}, "has a layout that is no Layout"),
        ({"options": ("rater",)}, "has options that are no tuple of ImportOption"),
        ({"options": (ImportOption(name="source", kind=str, help="S."),)}, "has an option 'source'"),
        ({"options": (ImportOption(name="a-b", kind=str, help="S."),)}, "has an option 'a-b'"),
        ({"options": (ImportOption(name="a", kind=str, help="S."),) * 2}, "has an option 'a'"),
    ],
)
def test_an_importer_that_makes_no_command_has_a_fault(changed, fault):
    assert importer_fault(MINE) is None
    assert importer_fault(replace(MINE, **changed)).startswith(fault)


def test_the_background_is_no_label():
    check_label(1)
    with pytest.raises(BadInput, match=r"^label 0: 0 is background; "):
        check_label(0)


def test_a_folder_that_another_importer_is_for_names_its_command(install, tmp_path):
    install("lab:MINE")
    for name in ("scans", "outlines"):
        (tmp_path / "lab" / name).mkdir(parents=True)
    with pytest.raises(BadInput, match=r"it looks like Mine: use hemosweep data import-mine$"):
        find_root(tmp_path / "lab", IMPORTERS[0].layout)


def test_of_two_layouts_that_fit_the_one_with_more_marks_is_named(tmp_path):
    for name in ("data", "label", "imagesTr", "labelsTr"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(BadInput, match=r"it looks like nnU-Net: use hemosweep data import-nnunet$"):
        find_root(tmp_path, IMPORTERS[0].layout)


def test_finding_them_imports_nothing_that_takes_long():
    code = (
        "import sys; from hemosweep.importers.catalogue import find_importers; find_importers();"
        "print(*sorted({'numpy', 'nibabel', 'pydicom', 'scipy', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_file_of_the_package_but_its_own_names_an_importer():
    folder = Path(hemosweep.importers.__path__[0])
    named = {path.stem for path in folder.glob("*.py") if "IMPORTER" in path.read_text()}
    assert named - {"catalogue", "protocol"} == {name.replace("-", "_") for name in NAMES} - {"mbh_seg"}
