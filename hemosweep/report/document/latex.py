"""A document as LaTeX with booktabs tables: it compiles as it is, and a paper can include it with \\input."""

import re
from collections.abc import Iterator

from hemosweep.report.document.document import Block, Document, Gallery, Items, Section, Table, Text

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
\begin{document}
\def\hemosweepalone{\end{document}}
\fi
\providecommand{\hemosweepflush}{\ifdefined\FloatBarrier\FloatBarrier\else\clearpage\fi}
\providecommand{\hemosweepbarrier}{\ifdefined\FloatBarrier\FloatBarrier\fi}
\providecommand{\hemosweepfit}[1]{\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{#1}}
"""
_CLOSING = r"\ifdefined\hemosweepalone\expandafter\hemosweepalone\fi"
LINE_LETTERS = 96
"""Letters of a small font in a line of a page."""
LONG_LETTERS = 24
"""A column of longer texts may be broken into lines."""
COLUMN_GAP = 3
_HEADINGS = ("section", "subsection", "subsubsection", "paragraph")


def to_latex(document: Document) -> str:
    return "\n\n".join([_OPENING.lstrip(), *_document(document), _CLOSING]) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX that prints as the text, on one line."""
    return "".join(map(_letter, _BLANKS.sub(" ", text)))


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
                        rf"\hemosweepfit{{\includegraphics{{{picture.path}}}}}",
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
        rf"\hemosweepfit{{\begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"\toprule",
        *_headings(table),
        _row(tuple(column.name for column in table.columns)),
        r"\midrule",
        *map(_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _alignments(table: Table) -> Iterator[str]:
    """Alignment of each column. In a table that is wider than the page, columns of long texts are broken into lines."""
    lengths = [
        max(len(text) for text in (column.name, *(row[place] for row in table.rows)))
        for place, column in enumerate(table.columns)
    ]
    texts = [place for place, column in enumerate(table.columns) if column.align == "left"]
    long = [place for place in texts if lengths[place] > LONG_LETTERS]
    fixed = sum(length for place, length in enumerate(lengths) if place not in long) + COLUMN_GAP * (len(lengths) - 1)
    wanted = sum(lengths[place] for place in long)
    for place, column in enumerate(table.columns):
        if place in long and fixed + wanted > LINE_LETTERS:
            letters = max(LONG_LETTERS, (LINE_LETTERS - fixed) * lengths[place] / wanted)
            yield rf">{{\raggedright\arraybackslash}}p{{{letters / LINE_LETTERS:.2f}\linewidth}}"
        else:
            yield "r" if column.align == "right" else "l"


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
    return " & ".join(map(escape, cells)) + r" \\"
