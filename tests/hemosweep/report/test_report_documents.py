"""One document as page, Markdown and LaTeX: every text arrives as it is, whatever it holds."""

import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from hemosweep.errors import BadInput
from hemosweep.report.document import latex, markdown
from hemosweep.report.document.bundle import LATEX, MARKDOWN, PAGE, replacing_folder, write_documents
from hemosweep.report.document.document import Column, Document, Gallery, Items, Picture, Section, Table, Text
from hemosweep.report.document.page import to_page

NASTY = "a|b_<script>alert('1')</script> & 50% $x^2$ #1 \\end{document} `~*[y](z)*"


def document(name=NASTY):
    table = Table(
        caption=name,
        columns=(Column(name="Arm", align="left"), Column(name="paper", group="DSC"), Column(name=name, group="DSC")),
        rows=((name, "0.5", name),),
    )
    picture = Picture(path="figures/a.png", caption=name, alt=f'{name} "quoted"')
    blocks = (Text(text=name), Text(text=name, is_notice=True), Items(entries=((name, name), ("", name))), table)
    inner = Section(title=name, anchor="part-1", blocks=(Gallery(pictures=(picture,)),))
    chapter = Section(title=name, anchor="part", blocks=blocks, sections=(inner,))
    return Document(title=name, lead=name, notices=(name,), sections=(chapter,))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "figures").mkdir()
    Image.new("RGB", (300, 150), "white").save(tmp_path / "figures" / "a.png", dpi=(300, 300))
    return tmp_path


def test_the_first_cell_of_a_row_leads_where_the_table_says(folder):
    table = Table(
        caption="two",
        columns=(Column(name="Arm", align="left"), Column(name="DSC")),
        rows=(("a_b", "0.5"), ("c", "0.6")),
        addresses=("cases/se.html#a=x&b=%22", ""),
    )
    section = Section(title="part", anchor="part", blocks=(table,))
    written = Document(title="one", lead="two", notices=(), sections=(section,))
    reader = Reader(to_page(written, folder))
    assert [attrs["href"] for attrs in reader.of("a")][2:] == ["cases/se.html#a=x&b=%22"]
    text = markdown.to_markdown(written)
    assert "| [a\\_b](<cases/se.html#a=x&b=%22>) | 0.5 |" in text
    assert "| c | 0.6 |" in text


class Reader(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_a_page_shows_nasty_text_as_text_and_runs_none_of_it(folder):
    reader = Reader(to_page(document(), folder))
    assert reader.of("script") == []
    # Title and heading, notice, contents twice, headings twice, text, notice, list, table and picture.
    assert sum(NASTY in text for text in reader.texts) >= 12
    (image,) = reader.of("img")
    assert image["alt"] == f'{NASTY} "quoted"'


def test_a_page_holds_its_pictures_at_their_size_in_print_and_names_no_other_place(folder):
    page = to_page(document("plain"), folder)
    (image,) = Reader(page).of("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert (image["width"], image["height"]) == ("98", "49"), "an inch by half an inch"
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "url(" not in page


def test_a_page_has_scopes_for_every_header_and_a_row_for_groups(folder):
    reader = Reader(to_page(document("plain"), folder))
    scopes = [attrs["scope"] for attrs in reader.of("th")]
    assert scopes == ["col", "colgroup", "col", "col", "row"]
    anchors = {attrs["href"] for attrs in reader.of("a")}
    assert anchors == {"#report", "#part", "#part-1"}
    assert {"part", "part-1", "report"} <= {attrs.get("id") for _, attrs in reader.tags}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("lesion|hyperdense/symmetric", r"lesion\|hyperdense/symmetric"),
        ("500->3000", r"500-\>3000"),
        ("a_b*c`d", r"a\_b\*c\`d"),
        ("1. not a list", r"1\. not a list"),
        ("- not a list", r"\- not a list"),
        ("-0.5", r"\-0.5"),
        ("two\nlines", "two lines"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_markdown_is_escaped(text, written):
    assert markdown.escape(text) == written


def test_a_markdown_table_keeps_its_columns():
    lines = markdown.to_markdown(document()).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in rows] == [4, 4, 4]
    assert rows[1] == "|:---|---:|---:|"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% of $1 & #2_x", r"50\% of \$1 \& \#2\_x"),
        ("a^b~c", r"a\textasciicircum{}b\textasciitilde{}c"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("500->3000", r"500{-}\textgreater{}3000"),
        ("0.5 ± 0.1 → \N{MINUS SIGN}1", r"0.5 \ensuremath{\pm} 0.1 \ensuremath{\rightarrow} \ensuremath{-}1"),
        ("[0, 1]", "{[}0, 1{]}"),
        ("café", "café"),
        ("中", r"\texttt{U+4E2D}"),
    ],
)
def test_latex_is_escaped(text, written):
    assert latex.escape(text) == written


def test_a_line_of_latex_may_end_within_the_name_of_an_arm_and_not_within_a_number():
    assert latex.escape("brain+lesion/x +0.1 1/2") == r"brain+\allowbreak{}lesion/\allowbreak{}x +0.1 1/2"


def alignments(*columns):
    """Alignments in LaTeX of a table with these columns: heading, side, cell."""
    table = Table(
        caption="c",
        columns=tuple(Column(name=name, align=side) for name, side, _ in columns),
        rows=(tuple(cell for _, _, cell in columns),),
    )
    return list(latex._alignments(table))


def shares(written):
    """Shares of a line that columns take."""
    return [float(share) for one in written for share in re.findall(r"p\{([0-9.]+)", one)]


def test_a_line_of_the_page_may_end_within_the_name_of_an_arm(folder):
    named = Table(
        caption="c",
        columns=(Column(name="arm", align="left"), Column(name="lesion|center <b>")),
        rows=(("brain+lesion", "a/b & [0, 1]"),),
    )
    section = Section(title="s", anchor="s", blocks=(named,))
    page = to_page(Document(title="t", lead="l", notices=(), sections=(section,)), folder)
    assert ">brain+<wbr>lesion</th>" in page
    assert ">lesion|<wbr>center &lt;b&gt;</th>" in page


def test_a_table_that_fits_keeps_its_cells_on_one_line():
    assert alignments(("arm", "left", "brain+lesion"), ("DSC", "right", "0.8 \N{PLUS-MINUS SIGN} 0.1")) == ["l", "r"]


def test_in_a_wide_table_texts_and_headings_are_broken_and_numbers_are_not():
    number = "+0.047 [+0.033, +0.061]"
    written = alignments(
        ("arm", "left", "brain+lesion+hyperdense " * 5), ("n", "right", "8"), ("mean of all the seeds", "right", number)
    )
    assert written[0].startswith(r">{\raggedright")
    assert written[1:] == ["r", "r"]
    assert sum(shares(written)) + (1 + len(number) + 2 * latex.COLUMN_GAP) / latex.LINE_LETTERS == pytest.approx(
        1, abs=0.01
    )


def test_numbers_are_broken_where_a_table_would_shrink_too_much():
    number = "+0.047 [+0.033, +0.061]"
    assert alignments(*[("difference", "right", number)] * 4) == ["r"] * 4
    written = alignments(*[("difference", "right", number)] * 8)
    assert all(one.startswith(r">{\raggedleft") for one in written)
    assert min(shares(written)) >= len("difference") / latex.LINE_LETTERS - 0.01


def test_latex_rows_have_a_cell_a_column_and_its_braces_match():
    text = latex.to_latex(document())
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [1, 2, 2]
    assert rows[0] == r" & \multicolumn{2}{c}{DSC} \\"
    assert r"\cmidrule(lr){2-3}" in body
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    begun, ended = (re.findall(rf"\\{what}{{(\w+)}}", text) for what in ("begin", "end"))
    assert sorted(begun) == sorted(ended)


def test_the_same_document_is_the_same_bytes(folder):
    written = []
    for _ in range(2):
        write_documents(document(), folder)
        written.append([(folder / name).read_bytes() for name in (PAGE, MARKDOWN, LATEX)])
    assert written[0] == written[1]


def write_report(to, name="plain"):
    with replacing_folder(to) as new:
        (new / "figures").mkdir()
        Image.new("RGB", (30, 30)).save(new / "figures" / "a.png")
        write_documents(document(name), new)


def test_a_report_replaces_the_one_before_it_and_leaves_nothing_else(tmp_path):
    to = tmp_path / "report"
    write_report(to, "before")
    write_report(to, "after")
    assert "after" in (to / PAGE).read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_report_that_fails_leaves_the_one_before_it(tmp_path):
    to = tmp_path / "report"
    write_report(to, "before")

    def fail(folder):
        (folder / PAGE).write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError), replacing_folder(to) as new:
        fail(new)
    assert "before" in (to / PAGE).read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("names", [["notes.txt"], ["index.html"], ["index.html", "figures.zip"]])
def test_a_folder_with_something_else_in_it_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(BadInput, match="holds something else than a report"):
        write_report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
