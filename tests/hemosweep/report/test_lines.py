"""Tables and sentences at the widths that terminals have: no line is too long, and no word is broken."""

import io

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hemosweep.report.terminal.lines import Fitted, Name, laid_out, say, wrapped

LONG = "brain+lesion+hyperdense/symmetric"
SENTENCE = "Not significant within this family of comparisons (Holm p = 0.0773): more seeds of either may settle it."
PATH = "/data/lab/a-study-with-a-long-name/hemorrhage/runs/figures/patchsize/the-boxplot-of-all-arms.png"


def printed(console):
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def table(name=LONG, *, numbers=5):
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Arm")
    for number in range(numbers):
        table.add_column(f"number {number}", justify="right")
    table.add_column("remark")
    table.add_column("paper", style="dim", justify="right", no_wrap=True)
    table.add_row(Name(name), *["0.857 ±0.085"] * numbers, SENTENCE, "0.842 ±0.115")
    return table


def fitted(table, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(Fitted(table))
    return printed(console)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("numbers", [1, 3, 5])
def test_a_table_fits_and_breaks_no_word(width, numbers):
    lines = fitted(table(numbers=numbers), width)
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    assert set(SENTENCE.split()) <= words
    assert {"0.857", "±0.085"} <= words
    assert "…" not in "".join(lines)


def test_numbers_are_on_one_line_if_all_of_them_can_be():
    assert any(line.count("0.857 ±0.085") == 2 for line in fitted(table("a", numbers=2), 80))
    assert not any("0.857 ±0.085" in line for line in fitted(table("a", numbers=5), 80))


def test_a_dim_column_goes_where_the_others_need_its_place():
    assert "paper" in "".join(fitted(table(numbers=3), 80))
    narrow = fitted(table(numbers=5), 80)
    assert "paper" not in "".join(narrow)
    assert max(map(len, narrow)) <= 80


def test_the_same_table_can_be_printed_at_another_width():
    wide = table()
    assert fitted(wide, 80) != fitted(wide, 200)
    assert fitted(wide, 200) == fitted(table(), 200)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_sentence_goes_on_in_the_next_line_between_words(width):
    lines = wrapped(SENTENCE, width)
    assert " ".join(line.strip() for line in lines) == SENTENCE
    assert max(map(len, lines)) <= width
    assert all(line.startswith("    ") for line in lines[1:])


def test_a_path_and_a_command_stay_whole_to_be_copied():
    assert PATH in [line.strip() for line in wrapped(f"Boxplot: {PATH}", 80)]
    command = f"  .venv/bin/hemosweep report patchsize --out {PATH}"
    assert wrapped(command, 80) == [command]


def test_codes_of_a_terminal_have_no_width():
    line = "\x1b[1m" + "x " * 39 + "\x1b[0m"
    assert wrapped(line, 80) == [line]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("styled", [True, False])
def test_what_is_said_is_laid_out_for_a_terminal_and_one_line_of_a_file(width, styled):
    console = Console(file=io.StringIO(), width=width, force_terminal=styled, color_system=None)
    say(console, f"[bold]se[/bold]: {SENTENCE} {PATH}")
    lines = printed(console)
    assert " ".join(line.strip() for line in lines) == f"se: {SENTENCE} {PATH}"
    assert (len(lines) > 1) is styled
    assert not styled or all(len(line) <= width or line.strip() == PATH for line in lines)


def test_parts_of_a_line_stay_whole():
    parts = ["lesion fold 0", "epoch 12/100", "loss 0.312", "DSC 0.714"]
    assert laid_out(parts, 80) == ["lesion fold 0  epoch 12/100  loss 0.312  DSC 0.714"]
    assert laid_out(parts, 40) == ["lesion fold 0  epoch 12/100  loss 0.312", "  DSC 0.714"]
