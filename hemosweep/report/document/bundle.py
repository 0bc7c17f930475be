"""A report on disk: one folder, written as a whole or not at all, and replaced each time."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from hemosweep.errors import BadInput
from hemosweep.files import naming
from hemosweep.report.cases.address import CASES
from hemosweep.report.document.document import Document
from hemosweep.report.document.latex import to_latex
from hemosweep.report.document.markdown import to_markdown
from hemosweep.report.document.page import GENERATOR, to_page

PAGE, MARKDOWN, LATEX, FIGURES = "index.html", "report.md", "report.tex", "figures"
_OURS = {PAGE, MARKDOWN, LATEX, FIGURES, CASES}
# Remains of a killed process beside the folder are deleted after this time: by then no process works on them.
_LEFT_BEHIND_S = 24 * 3600.0
_HEAD_BYTES = 4096


def write_documents(document: Document, folder: Path) -> None:
    """Write a document as page, Markdown and LaTeX into the folder that its pictures lie in."""
    for name, text in (
        (PAGE, to_page(document, folder)),
        (MARKDOWN, to_markdown(document)),
        (LATEX, to_latex(document)),
    ):
        with naming(folder / name):
            (folder / name).write_text(text, encoding="utf-8", newline="\n")


def check_folder(to: Path) -> None:
    """Refuse a folder that holds anything else than a report, because it would be replaced.

    Raises:
        BadInput: as said, or it is a file.
    """
    if not to.exists():
        return
    if not to.is_dir():
        raise BadInput(f"--to {to}: is a file; give a folder")
    names = {path.name for path in to.iterdir()}
    if names and not (names <= _OURS and _is_report(to / PAGE)):
        raise BadInput(f"--to {to}: holds something else than a report, which would be lost; give a folder of its own")


def subject_of(to: Path) -> str | None:
    """Subject of the report in a folder, as its lead has it, such as "Ablation se"; None where there is no report."""
    if not _is_report(to / PAGE):
        return None
    try:
        lines = (to / MARKDOWN).read_text(encoding="utf-8").split("\n", 3)
    except (OSError, UnicodeDecodeError):
        return None
    return lines[2].partition(".")[0].replace("\\", "") if len(lines) > 2 else None


@contextmanager
def replacing_folder(to: Path) -> Iterator[Path]:
    """Context with a folder to write into, which then replaces `to`. After an error `to` is unchanged.

    Raises:
        BadInput: as `check_folder`.
    """
    check_folder(to)
    to = to.absolute()
    to.parent.mkdir(parents=True, exist_ok=True)
    _sweep_up(to)
    new, old = (to.with_name(f".tmp-{kind}-{uuid4().hex}-{to.name}") for kind in ("new", "old"))
    try:
        with naming(new):
            new.mkdir()
            yield new
            # A folder cannot be renamed onto one that holds files; in between neither is half-written.
            if to.exists():
                to.rename(old)
            try:
                new.rename(to)
            except OSError:
                if old.exists():
                    old.rename(to)
                raise
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def _is_report(page: Path) -> bool:
    try:
        with page.open("rb") as file:
            return f'name="generator" content="{GENERATOR}"'.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _sweep_up(to: Path) -> None:
    for kind in ("new", "old"):
        for left in to.parent.glob(f".tmp-{kind}-*-{to.name}"):
            try:
                abandoned = time.time() - left.stat().st_mtime > _LEFT_BEHIND_S
            except OSError:
                continue
            if abandoned:
                shutil.rmtree(left, ignore_errors=True)
