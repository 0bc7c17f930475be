"""`hemosweep doctor`: what this machine has of all that hemosweep needs, and what that means."""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from hemosweep.privacy import public_failure
from hemosweep.report.terminal.lines import lines_of
from hemosweep.workflows.doctoring.finding import Finding, problem

_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
_LEVEL_WIDTH, _WHAT_WIDTH = 9, 24


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every finding, in the order of the checks. No name of this machine or of its user is in it."""

    findings: tuple[Finding, ...]

    @property
    def num_problems(self) -> int:
        return self._count("problem")

    def as_json(self) -> dict[str, Any]:
        return {"ready": not self.num_problems, "findings": [asdict(finding) for finding in self.findings]}

    def as_lines(self, *, styled: bool = False) -> list[str]:
        indent = " " * (_LEVEL_WIDTH + _WHAT_WIDTH)
        width = max(60, Console().width)
        lines: list[Text] = []
        for finding in self.findings:
            first = f"{finding.level:<{_LEVEL_WIDTH}}{finding.what:<{_WHAT_WIDTH}}{finding.found}"
            text = Text("\n".join(textwrap.wrap(first, width, subsequent_indent=indent, break_on_hyphens=False)))
            text.stylize(_STYLES[finding.level], 0, len(finding.level))
            lines.append(text)
            if finding.meaning:
                lines.append(
                    Text(
                        textwrap.fill(
                            finding.meaning,
                            width,
                            initial_indent=indent,
                            subsequent_indent=indent,
                            break_on_hyphens=False,
                        )
                    )
                )
        notes = self._count("note")
        also = f"{notes} {'note' if notes == 1 else 'notes'}"
        problems = f"{self.num_problems} {'problem' if self.num_problems == 1 else 'problems'}"
        end = f"no sweep can run here: {problems}, {also}" if self.num_problems else f"sweeps can run here; {also}"
        return lines_of(*lines, Text(end), styled=styled)

    def _count(self, level: str) -> int:
        return sum(finding.level == level for finding in self.findings)


def diagnose(out: Path = Path("runs"), data: Path | None = None, *, say: Callable[[str], None]) -> Diagnosis:
    """Look at all that hemosweep needs. Nothing is written.

    Args:
        data: a data set that is looked at, too.
        say: gets the name of each check that may take seconds, as it begins.
    """
    return Diagnosis(tuple(map(_public, _checks(out, data, say))))


def _checks(out: Path, data: Path | None, say: Callable[[str], None]) -> Iterator[Finding]:
    """Each check imports what it needs: a broken installation is a finding, too."""
    try:
        yield from _all_checks(out, data, say)
    except ModuleNotFoundError as error:
        yield problem("packages", f"{error.name} is absent", "run make setup, or pip install hemosweep, again")


def _all_checks(out: Path, data: Path | None, say: Callable[[str], None]) -> Iterator[Finding]:
    from hemosweep.workflows.doctoring.packages import check_extras, check_packages, check_python

    yield check_python()
    yield check_packages()
    from hemosweep.workflows.doctoring.machine import check_memory, check_processors, check_torch

    say("PyTorch and the GPU")
    yield from check_torch()
    yield check_processors()
    yield check_memory()
    from hemosweep.workflows.doctoring.folders import check_cache, check_data, check_out, check_temporary

    yield from check_out(out)
    yield check_cache()
    yield from check_temporary()
    if data is not None:
        say("the data set")
        yield check_data(data)
    from hemosweep.workflows.doctoring.programs import check_programs, check_tracking

    yield check_tracking(say)
    yield from check_programs()
    yield from check_extras()


def _public(finding: Finding) -> Finding:
    return replace(finding, found=public_failure(finding.found), meaning=public_failure(finding.meaning))
