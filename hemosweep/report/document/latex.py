"""A document as LaTeX with booktabs tables: it compiles as it is, and a paper can include it with \\input."""

import re
from collections.abc import Iterator

from hemosweep.report.document.document import Block, Document, Gallery, Items, Section, Table, Text
from hemosweep.report.names import IN_NAME
from hemosweep.report.terminal.table import PLUS_MINUS

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # A bracket at the start of a row would be taken for the argument of the \\ before it.
    "[": "{[}",
    "]": "{]}",
    "-": "{-}",  # no ligature: 500->3000 and -- stay as they are
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{EN DASH}": r"\textendash{}",
    "\N{PLUS-MINUS SIGN}": r"\ensuremath{\pm}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{RIGHTWARDS ARROW}": r"\ensuremath{\rightarrow}",
    "\N{MIDDLE DOT}": r"\textperiodcentered{}",
    "\N{NO-BREAK SPACE}": "~",
}
_BLANKS = re.compile(r"[ \t\r\n]+")
# Past its preamble, LaTeX makes \documentclass an error by itself; this file is an \input then.
_OPENING = r"""
% Made by hemosweep report. Compile it as it is, or \input it into a document that loads array, booktabs, graphicx,
% textcomp and the font encoding T1; with placeins, figures stay in their sections. They lie in figures/ beside it.
\expandafter\ifx\csname @notprerr\endcsname\documentclass\else
\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage{lmodern}
\usepackage[margin=20mm]{geometry}
\usepackage{array}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{placeins}
\renewcommand{\topfraction}{0.9}
\renewcommand{\bottomfraction}{0.8}
\renewcommand{\textfraction}{0.07}
\renewcommand{\floatpagefraction}{0.75}
\setlength{\emergencystretch}{3em}
\hyphenpenalty=10000
\begin{document}
\def\hemosweepalone{\end{document}}
\fi
\providecommand{\hemosweepflush}{\ifdefined\FloatBarrier\FloatBarrier\else\clearpage\fi}
\providecommand{\hemosweepbarrier}{\ifdefined\FloatBarrier\FloatBarrier\fi}
\providecommand{\hemosweeplow}[1]{\sbox0{#1}\ifdim\dimexpr\ht0+\dp0>0.8\textheight
\resizebox*{!}{0.8\textheight}{\usebox0}\else\usebox0\fi}
\providecommand{\hemosweepfit}[1]{\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{#1}}
"""
_CLOSING = r"\ifdefined\hemosweepalone\expandafter\hemosweepalone\fi"
LINE_LETTERS = 96
"""Letters of a small font in a line of a page."""
COLUMN_GAP = 3
SMALLEST = 0.7
"""Numbers are broken into lines where letters would be smaller than this share of a small font."""
_HEADINGS = ("section", "subsection", "subsubsection", "paragraph")


def to_latex(document: Document) -> str:
    return "\n\n".join([_OPENING.lstrip(), *_document(document), _CLOSING]) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX that prints as the text. A line may end within a name, after a sign between two letters."""
    parts = IN_NAME.split(_BLANKS.sub(" ", text))
    return r"\allowbreak{}".join("".join(map(_letter, part)) for part in parts)


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    # Letters that the fonts of T1 have. Any other letter is printed as its number, because without it a name would
    # change.
    if letter.isprintable() and (letter.isascii() or "\N{LATIN CAPITAL LETTER A WITH GRAVE}" <= letter <= "\u017e"):
        return letter
    return rf"\texttt{{U+{ord(letter):04X}}}"


def _document(document: Document) -> Iterator[str]:
    yield rf"\section*{{{escape(document.title)}}}"
    yield escape(document.lead)
    for notice in document.notices:
        yield rf"\textbf{{{escape(notice)}}}"
    for section in document.sections:
        yield from _section(section, 0)


def _section(section: Section, level: int) -> Iterator[str]:
    if level == 0:
        yield r"\hemosweepflush"  # LaTeX holds only so many figures back for a later page
    elif level == 1:
        yield r"\hemosweepbarrier"
    yield rf"\{_HEADINGS[min(level, 3)]}*{{{escape(section.title)}}}"
    for block in section.blocks:
        yield from _block(block)
    for inner in section.sections:
        yield from _section(inner, level + 1)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(text=text, is_notice=True):
            yield rf"\textbf{{{escape(text)}}}"
        case Text(text=text):
            yield escape(text)
        case Items(entries=entries):
            lines = [rf"\item {_item(lead, text)}" for lead, text in entries]
            yield "\n".join([r"\begin{itemize}", *lines, r"\end{itemize}"])
        case Table():
            yield _table(block)
        case Gallery(pictures=pictures):
            for picture in pictures:
                yield "\n".join(
                    [
                        r"\begin{figure}[htbp]",
                        r"\centering",
                        rf"\hemosweeplow{{\hemosweepfit{{\includegraphics{{{picture.path}}}}}}}",
                        rf"\caption{{{escape(picture.caption)}}}",
                        r"\end{figure}",
                    ]
                )


def _item(lead: str, text: str) -> str:
    return rf"\textbf{{{escape(lead)}}}: {escape(text)}" if lead else rf"\relax {escape(text)}"


def _table(table: Table) -> str:
    align = "".join(_alignments(table))
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\small",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\hemosweeplow{{\hemosweepfit{{\begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"\toprule",
        *_headings(table),
        _row(tuple(column.name for column in table.columns)),
        r"\midrule",
        *map(_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}}}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _alignments(table: Table) -> Iterator[str]:
    """Alignment of each column. In a table that is wider than the page, texts and headings are broken into lines.

    Every column has the room of its longest unbreakable part: of a text or a heading a word, of a number all, or a part
    of it where the table would otherwise shrink too much. What the page has beside is shared out, the more the longer a
    column's longest cell.
    """
    columns = [[column.name, *(row[place] for row in table.rows)] for place, column in enumerate(table.columns)]
    wanted = [max(map(len, texts)) for texts in columns]
    parts = [max(map(_longest_part, texts)) for texts in columns]
    room = LINE_LETTERS - COLUMN_GAP * (len(columns) - 1)
    least = [
        part if column.align == "left" else max(part, *map(len, texts[1:]), 0)
        for column, part, texts in zip(table.columns, parts, columns, strict=True)
    ]
    if sum(least) > room + LINE_LETTERS * (1 / SMALLEST - 1):
        least = parts
    missing = sum(wanted) - sum(least)
    share = min(1.0, max(0.0, room - sum(least)) / missing) if missing else 1.0
    for column, most, fewest in zip(table.columns, wanted, least, strict=True):
        is_right = column.align == "right"
        if most == fewest or share == 1.0:
            yield "r" if is_right else "l"
        else:
            letters = fewest + share * (most - fewest)
            side = r"\raggedleft" if is_right else r"\raggedright"
            yield rf">{{{side}\arraybackslash}}p{{{letters / LINE_LETTERS:.2f}\linewidth}}"


def _longest_part(text: str) -> int:
    """Number of letters of a text's longest part that stays on one line."""
    return max(len(part) for word in _BLANKS.split(_bound(text)) for part in IN_NAME.split(word))


def _bound(text: str) -> str:
    """Text of a cell whose deviations stay with their signs."""
    return text.replace(f"{PLUS_MINUS} ", f"{PLUS_MINUS}\N{NO-BREAK SPACE}")


def _headings(table: Table) -> Iterator[str]:
    """The line of the groups' headings, and a rule below each."""
    if not any(group for group, _ in table.groups()):
        return
    cells, rules, place = [], [], 1
    for group, span in table.groups():
        cells.append(rf"\multicolumn{{{span}}}{{c}}{{{escape(group)}}}" if group else "")
        if group:
            rules.append(rf"\cmidrule(lr){{{place}-{place + span - 1}}}")
        place += span
    yield " & ".join(cells) + r" \\"
    yield "".join(rules)


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(escape(_bound(cell)) for cell in cells) + r" \\"
