"""The environment variables that stand for --out and --data."""

import json

import pytest

from hemosweep.workflows.sweeping.request import resolve


@pytest.fixture
def asked(monkeypatch):
    """The options that `hemosweep sweep` and `plan` pass on; then they are refused."""
    asked = []

    def refuse(options, **further):
        asked.append(options)
        raise OSError("enough")

    monkeypatch.setattr("hemosweep.workflows.sweep.run_sweep", refuse)
    monkeypatch.setattr("hemosweep.workflows.plan.plan_sweep", refuse)
    return asked


def test_the_folder_of_results_is_that_of_the_environment_unless_one_is_typed(main, recorded, monkeypatch, tmp_path):
    typed = main("runs", "--json", "--out", recorded.out)
    assert json.loads(typed[1])
    monkeypatch.setenv("HEMOSWEEP_OUT", str(recorded.out))
    assert main("runs", "--json") == typed
    code, _, err = main("runs", "--out", tmp_path / "another")
    assert (code, err.startswith(f"error: the folder {tmp_path / 'another'} has no runs")) == (2, True)


def test_verify_takes_it_too(main, monkeypatch, tmp_path):
    monkeypatch.setenv("HEMOSWEEP_OUT", str(tmp_path / "gone"))
    assert f"error: {tmp_path / 'gone'}: " in main("verify")[2]
    assert f"error: {tmp_path / 'typed'}: " in main("verify", tmp_path / "typed")[2]


@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_a_data_set_of_the_environment_is_told_and_brings_the_paper_profile(
    main, asked, command, monkeypatch, tmp_path
):
    for name in ("scans", "typed"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HEMOSWEEP_DATA", str(tmp_path / "scans"))
    _, _, err = main(command, "se")
    assert err.splitlines()[0] == (
        f"data set {tmp_path / 'scans'} of HEMOSWEEP_DATA; --data on the command line takes another"
    )
    assert asked[-1].data == tmp_path / "scans"
    assert resolve(asked[-1]).profile.name == "paper"

    _, _, err = main(command, "se", "--data", tmp_path / "typed")
    assert "HEMOSWEEP_DATA" not in err
    assert asked[-1].data == tmp_path / "typed"


@pytest.mark.parametrize("value", [None, ""])
def test_without_one_there_is_a_phantom_and_the_demo_profile(main, asked, value, monkeypatch):
    if value is not None:
        monkeypatch.setenv("HEMOSWEEP_DATA", value)
    _, _, err = main("sweep", "se")
    assert "HEMOSWEEP_DATA" not in err
    assert asked[-1].data is None
    assert resolve(asked[-1]).profile.name == "demo"


def test_the_data_set_of_a_command_about_data_may_stand_there_too(main, monkeypatch, tmp_path):
    code, _, err = main("data", "check")
    assert (code, "Missing argument 'DATA'" in err) == (2, True)
    monkeypatch.setenv("HEMOSWEEP_DATA", str(tmp_path / "scans"))
    for command in (("data", "check"), ("preprocess",)):
        code, _, err = main(*command)
        told, error = (line for line in err.splitlines() if line)
        assert told.startswith(f"data set {tmp_path / 'scans'} of HEMOSWEEP_DATA; DATA ")
        assert (code, error.startswith(f"error: {tmp_path / 'scans'}: ")) == (2, True)


def test_the_environment_decides_nothing_about_what_is_deleted(main, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("hemosweep.workflows.clean.clean", lambda out, data, **options: asked.append(data) or 1 / 0)
    monkeypatch.setenv("HEMOSWEEP_DATA", str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        main("clean", "--yes")
    assert asked == [None]


def test_the_version_is_one_line(main):
    code, out, err = main("--version")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("hemosweep 0.")
    assert "(Python 3." in out
    assert "PyTorch " in out
