"""Readings of the paper as tables of a report: each choice of its protocol as printed, inferred or changed."""

from hemosweep.report.document.document import Column, Section, Table, Text
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.sweeps.reading_list import Reading, count_readings, readings_by_part


def readings_section() -> Section:
    """The paper's protocol as the profile `paper` has it, a table a part."""
    printed, inferred, changed = (count_readings(kind) for kind in ("printed", "inferred", "changed"))
    opening = (
        f"The arms follow the paper's protocol as it is read here: {printed} choices as the paper prints them, "
        f"{inferred} that it leaves open and that are inferred, and {changed} that are changed on purpose. The values "
        "are those of the profile paper; the profile demo scales them down. The sweep readings trains inferred choices "
        "in another reading, and shows which of them move the figures."
    )
    tables = tuple(_table(part, listed) for part, listed in readings_by_part().items())
    return Section(title="Readings of the paper", anchor="paper-readings", blocks=(Text(text=opening), *tables))


def _table(part: str, listed: tuple[Reading, ...]) -> Table:
    names = ("Choice", "Value", "Kind", "Section", "Reason", "Alternatives")
    return Table(
        caption=f"{part}: choices of the paper's protocol.",
        columns=tuple(Column(name=name, align="left") for name in names),
        rows=tuple(
            (one.choice, one.value, one.kind, one.where, one.reason or UNDEFINED, one.alternatives or UNDEFINED)
            for one in listed
        ),
    )
