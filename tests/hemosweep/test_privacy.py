"""Folders, machines and users leave the texts that others read; everything else stays."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from hemosweep.privacy import PLACE, places_in, public, public_failure, without_places

DATA = Path("/srv/St Planted Hospital/head ct")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/planted/ct/sub-1_ct.nii.gz: no such file; add it", "sub-1_ct.nii.gz: no such file; add it"),
        ("case sub-1: no CT at /srv/planted/sub-1_ct.nii.gz; add it", "case sub-1: no CT at sub-1_ct.nii.gz; add it"),
        ("/srv/planted: no such folder", f"{PLACE}: no such folder"),
        ("/srv/a planted b/c.txt: gone", "c.txt: gone"),
        ("cannot open '/srv/a planted b/my file.txt' (2)", "cannot open 'my file.txt' (2)"),
        ("in '/srv/planted folder'", f"in '{PLACE}'"),
        ("~planted/x/y.csv is no table", "y.csv is no table"),
        ("file:///srv/planted/y.csv", "y.csv"),
        ("(/srv/planted/y.csv)", "(y.csv)"),
        ("a /srv/planted/b.txt and /srv/planted/c.txt", "a b.txt and c.txt"),
        (f"{DATA}: no such folder", f"{PLACE}: no such folder"),
        (f"{DATA} has no run se/unet", f"{PLACE} has no run se/unet"),
        (f"{DATA}/sub-1/ct/x.nii.gz and {DATA}", f"x.nii.gz and {PLACE}"),
        (f"{DATA}/derivatives: full", f"{PLACE}: full"),
        ("/tmp/planted/x.pt and /tmp/planted: full", f"x.pt and {PLACE}: full"),
    ],
)
def test_a_path_becomes_its_file_and_a_folder_a_mark(text, expected):
    assert without_places(text, [DATA]) == expected
    assert without_places(expected, [DATA]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "patchsize/24x24x8 to patchsize/32x32x16: better",
        "https://doi.org/10.1016/j.compmedimag.2021.101908",
        "doi 10.1016/j.compmedimag.2021.101908 and/or HD95 / NSD",
        "s²(1/r_A + 1/r_B), in (mL)/(case)",
        "make sweep-se OUT=runs, figures/se/boxplot.png",
        "/dev/shm: No space left on device; /tmp, too",
        "A -> B; n/a",
        "",
    ],
)
def test_other_texts_stay(text):
    assert without_places(text) == text


def test_home_and_working_folder_are_known(monkeypatch, tmp_path):
    home = tmp_path / "home of planted"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    assert without_places(f"{home}: full, {home}/scans of mine") == f"{PLACE}: full, {PLACE} of mine"


def test_a_failure_names_no_machine_and_no_user(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "ws12.planted.example")
    monkeypatch.setenv("LOGNAME", "planted")
    text = "planted@ws12.planted.example cannot write /data/planted/x.npz; WS12 is full, replanted"
    assert public_failure(text) == "[user]@[machine] cannot write x.npz; [machine] is full, replanted"


@pytest.mark.parametrize("name", ["root", "ct", "localhost", ""])
def test_names_that_are_words_stay(monkeypatch, name):
    monkeypatch.setattr("socket.gethostname", lambda: name)
    monkeypatch.setenv("LOGNAME", name)
    monkeypatch.setenv("USER", name)
    assert public_failure("root mean square of ct on localhost") == "root mean square of ct on localhost"


@dataclass(frozen=True)
class Part:
    text: str
    parts: tuple["Part", ...] = ()
    number: int = 1


def test_every_text_of_a_value_is_changed_and_nothing_else():
    value = Part("/srv/planted/x.csv", (Part("x", number=2), Part("/srv/planted")))
    assert public(value) == Part("x.csv", (Part("x", number=2), Part(PLACE)))
    assert public({"a": ["/srv/p/x.pt", 1, None, True], "b": {}}) == {"a": ["x.pt", 1, None, True], "b": {}}


def test_the_folders_of_a_spec_are_found():
    spec = {"train": [{"path": "/srv/a b/c/x.npz"}], "project": "/lab/code", "seed": 1, "none": None, "rel": "a/b"}
    assert {str(place) for place in places_in(spec)} == {"/srv", "/srv/a b", "/srv/a b/c", "/lab"}
