"""`hemosweep docs`: the topics of the documentation, on a terminal and in a pipe."""

import re

import pytest

from hemosweep.cli.docs import _rendered
from hemosweep.docs.topics import FOLDER, topics
from tests.documents import DOCUMENTS


def test_without_a_topic_it_lists_each_with_its_title(main):
    code, printed, _ = main("docs")
    assert code == 0
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in sorted(FOLDER.glob("*.md"))]
    assert all(line.endswith(topic.title) for line, topic in zip(lines, topics(), strict=True))
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", ["statistics", "Statistics", "statistics.md"])
def test_in_a_pipe_a_topic_is_its_markdown(name, main):
    assert main("docs", name) == (0, (FOLDER / "statistics.md").read_text(encoding="utf-8"), "")


@pytest.mark.parametrize(
    ("name", "way_out"), [("statistic", "did you mean statistics?"), ("xyz", "choose one of ablation, cluster, ")]
)
def test_an_unknown_topic_is_one_line_with_the_nearest_name(name, way_out, main):
    code, printed, error = main("docs", name)
    assert (code, printed) == (2, "")
    assert error.startswith(f"error: no topic '{name}'; {way_out}")
    assert error.count("\n") == 1


def test_on_a_terminal_a_topic_is_rendered_in_its_width_without_marks(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = _rendered("# Title\n\n<!-- printed: compare -->\nText with `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "\x1b[" in shown
    assert "Title" in shown
    assert "printed" not in shown
    assert "|---|" not in shown


def test_on_a_terminal_a_line_of_code_stays_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    command = "make sweep-patchsize SEEDS=3      # three seeds of every arm"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", _rendered(f"Text.\n\n```sh\n{command}\n```\n\nMore text.\n")).splitlines()
    assert command in [line.rstrip() for line in lines]


def test_no_topic_is_told_twice():
    seen = {}
    for document in DOCUMENTS:
        for paragraph in document.read_text(encoding="utf-8").split("\n\n"):
            if len(paragraph) > 200 and not paragraph.startswith("```"):
                assert paragraph not in seen, f"{document.name} repeats {seen.get(paragraph)}: {paragraph[:60]}"
                seen[paragraph] = document.name
