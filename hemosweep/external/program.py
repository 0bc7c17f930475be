"""Programs that a data set is exported to, and whose results come back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hemosweep.external.manifest import Manifest

LESION = "lesion"
"""Name of the label of an exported mask; its value is 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Results of a program: the prediction of each case, and what the program says of itself.

    `predictions` and `own_dsc` have the names of cases as keys. `faults` are results that do not belong to the export,
    one line each: then nothing of them is used. `checkpoint_rule` is the rule for the epoch that was tested, and
    `chosen_on_test` is True where the test cases took part in that choice.
    """

    version: str | None
    settings: str
    checkpoint_rule: str
    predictions: Mapping[str, Path]
    own_dsc: Mapping[str, float | None] = field(default_factory=dict)
    chosen_on_test: bool = False
    faults: tuple[str, ...] = ()


class Program(Protocol):
    """A program that segments: its form of a data set and of results.

    `name` is that of the export, `title` the program's own.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def image(self, name: str) -> str:
        """Place of a case's CT in the export."""
        ...

    def label(self, name: str) -> str:
        """Place of a case's mask in the export, 1 where the lesion is."""
        ...

    def tables(self, manifest: Manifest, folder: Path, *, is_sheared: bool) -> Mapping[str, str]:
        """The other files of an export to a folder: text by place.

        Args:
            is_sheared: a CT has a tilted gantry's grid.
        """
        ...

    def next_lines(self, manifest: Manifest, folder: Path) -> tuple[str, ...]:
        """Lines that tell the user how to train on the export, and how its cases are treated."""
        ...

    def find_manifest(self, results: Path) -> Manifest | None:
        """The manifest of the export that results are of; None where they do not name it, or are of another program.

        Raises:
            BadInput: it is damaged.
        """
        ...

    def read_results(self, results: Path, manifest: Manifest) -> Results:
        """
        Raises:
            BadInput: there are none in the program's form.
        """
        ...


def membership_faults(found: Mapping[str, int], manifest: Manifest, absent: Collection[int] = ()) -> list[str]:
    """Results whose case or fold is not that of the export, one line each.

    Args:
        found: the fold that each predicted case was found in, by name.
        absent: folds that are missing as a whole, of which a line was written already.
    """
    tested_in, case_ids = manifest.tested_in, manifest.case_ids
    lines = []
    for name, fold in sorted(found.items()):
        if name not in tested_in:
            lines.append(f"case {name}: is no case of the export; delete its prediction, or export its data set anew")
        elif tested_in[name] != fold:
            lines.append(
                f"case {case_ids[name]}: was tested in fold {fold}, and is of fold {tested_in[name]}; train again with "
                "the folds of the export"
            )
    return lines + [
        f"case {case_ids[name]}: has no prediction; finish fold {fold}"
        for name, fold in sorted(tested_in.items(), key=lambda entry: (entry[1], entry[0]))
        if name not in found and fold not in absent
    ]
