"""The steps of `hemosweep quickstart`, and the page that it opens."""

import sys
import webbrowser
from pathlib import Path

import pytest

from hemosweep.workflows.quickstart import quickstart_steps, show_page


def test_a_data_set_is_checked_drawn_prepared_forecast_trained_and_reported():
    steps = quickstart_steps(Path("my data"), Path("runs"))
    names = [step.arguments[:2] if step.arguments[0] == "data" else step.arguments[0] for step in steps]
    assert names == [("data", "check"), ("data", "preview"), "preprocess", "plan", "sweep", "report"]
    assert all("my data" in step.arguments for step in steps)
    assert steps[0].command.endswith("hemosweep data check 'my data'") or "hemosweep" not in sys.argv[0]


def test_the_forecast_is_of_the_sweep_that_is_trained():
    *_, plan, sweep, _ = quickstart_steps(Path("data"), Path("runs"), lesion_label=2)
    assert plan.arguments[1:] == sweep.arguments[1:]
    assert "--lesion-label" in plan.arguments


def test_without_a_data_set_a_phantom_is_made_first():
    first, second, *_ = quickstart_steps(None, Path("out"))
    assert first.arguments == ("data", "phantom", "out/phantom-demo")
    assert second.arguments == ("data", "check", "out/phantom-demo")


@pytest.mark.parametrize(("display", "is_terminal"), [("", True), (":0", False), (":0", True)])
def test_the_page_is_opened_only_for_a_user_in_front_of_a_display(display, is_terminal, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    line = show_page(tmp_path / "index.html")
    assert str(tmp_path / "index.html") in line
    assert opened == ([(tmp_path / "index.html").as_uri()] if display and is_terminal else [])
