"""Declaration of an ablation that is named, in a file, or recorded in an output folder."""

from pathlib import Path

from hemosweep.ablation.catalogue import find_listed, known_sweeps
from hemosweep.ablation.declaration import Declaration
from hemosweep.engine.index import read_plans


def find_declared(out: Path, name: str) -> Declaration:
    """The declaration of an ablation, or of the comparison that a search ends with.

    A name that neither hemosweep nor an installed package has is looked up among the plans of the output folder, which
    keep what was declared before training: the user's file is not needed any more.

    Raises:
        BadInput: there is none.
    """
    if name.endswith(".py") or name in known_sweeps():
        return find_listed(name).sweep.declaration
    declared = next((plan.declaration for plan in read_plans(out) if plan.sweep == name), None)
    return find_listed(name).sweep.declaration if declared is None else declared


def recorded_declarations(out: Path) -> dict[str, Declaration]:
    """Declarations of the ablations that an output folder has plans of and nothing else knows, by name."""
    found = {plan.sweep: plan.declaration for plan in read_plans(out) if plan.sweep not in known_sweeps()}
    return {name: declaration for name, declaration in found.items() if declaration is not None}
