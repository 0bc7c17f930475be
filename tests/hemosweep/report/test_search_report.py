import io

import matplotlib as mpl
import pytest
from rich.console import Console

from hemosweep.ablation.search import Choice, Real, Trial
from hemosweep.report.terminal.search import draw_search, params_text, search_table

SPACE = {
    "half_width_mm": Real(low=2.5, high=40.0, log=True),
    "share": Real(low=0.0, high=0.5),
    "loss": Choice(options=("dice_ce", "focal")),
}


def trial(index, dsc, half_width_mm=10.0, share=0.25, loss="dice_ce"):
    params = {"half_width_mm": half_width_mm, "share": share, "loss": loss}
    return Trial(index=index, number=index, params=params, ended=True, dsc=dsc)


TRIALS = (trial(0, 0.7), trial(1, None), trial(2, 0.8, 2.5, 0.5, "focal"), trial(3, 0.75, 40.0, 0.0))


def test_the_table_puts_the_best_first_and_what_failed_last():
    console = Console(width=100, file=io.StringIO())
    console.print(search_table(TRIALS, TRIALS[2]))
    lines = [line.split() for line in console.file.getvalue().splitlines() if "trial-" in line]
    assert [line[0] for line in lines] == ["trial-002", "trial-003", "trial-000", "trial-001"]
    assert lines[0][1:] == ["0.800", "2.5", "0.5", "focal"]
    assert lines[2][:3] == ["trial-000", "(start)", "0.700"]
    assert lines[3][1] == "failed"


def test_parameters_are_said_with_three_digits():
    assert params_text(trial(0, 0.5, half_width_mm=12.3456).params) == "half_width_mm 12.3, share 0.25, loss dice_ce"


@pytest.mark.parametrize("trials", [TRIALS, TRIALS[:1]], ids=["several", "the start alone"])
def test_the_picture_has_a_panel_a_parameter_over_its_whole_range(tmp_path, trials):
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_search(trials, SPACE, tmp_path / "search.svg", title="search-rate, demo profile")
    text = (tmp_path / "search.svg").read_text(encoding="utf-8")
    written = (
        *("trial", "half width (mm)", "2.5", "10", "40", "share", "0", "0.25", "0.5", "loss", "dice_ce", "focal"),
        *("start", "best", "best so far", "search-rate, demo profile"),
    )
    assert [word for word in written if f">{word}<" not in text] == []
