"""`hemosweep sweeps`: the ablations and searches that there are, and where they come from."""

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.report.terminal.lines import Name, lines_of


@dataclass(frozen=True, slots=True)
class SweepList:
    """Ablations and searches as plain dictionaries: hemosweep's in the order of the paper, then others."""

    rows: tuple[dict[str, Any], ...]

    def as_json(self) -> list[dict[str, Any]]:
        return list(self.rows)

    def as_lines(self, *, styled: bool = False) -> list[str]:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("sweep", no_wrap=True)
        table.add_column("arms", justify="right", no_wrap=True)
        table.add_column("question")
        table.add_column("from")
        for row in self.rows:
            table.add_row(
                row["sweep"], "search" if row["search"] else str(len(row["arms"])), row["question"], Name(row["from"])
            )
        return lines_of(table, styled=styled)


def list_sweeps(*, with_searches: bool = True) -> SweepList:
    """List the ablations and searches of hemosweep and of installed packages.

    Raises:
        BadInput: an installed package cannot be used.
    """
    return SweepList(
        tuple(
            {
                "sweep": name,
                "search": listed.search is not None,
                "question": listed.sweep.question,
                "arms": list(listed.sweep.arm_names),
                "from": listed.place,
            }
            for name, listed in known_sweeps().items()
            if with_searches or listed.search is None
        )
    )
