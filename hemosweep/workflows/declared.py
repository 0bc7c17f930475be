"""Declaration of an ablation that is named, in a file, or recorded in an output folder."""

from pathlib import Path

from hemosweep.ablation.catalogue import find_listed, known_sweeps
from hemosweep.ablation.declaration import Declaration
from hemosweep.engine.index import read_plans
from hemosweep.errors import BadInput
from hemosweep.runs import RunStore
from hemosweep.tracking.address import is_address
from hemosweep.tracking.references import declared_there


def find_declared(out: Path, name: str, *, named: str | None = None) -> Declaration:
    """The declaration of an ablation, or of the comparison that a search ends with.

    Another store has its own, recorded with the runs: its sweep may have the name of one that is known here. A name
    that neither hemosweep nor an installed package has is looked up among the plans of the output folder, which keep
    what was declared before training: the user's file is not needed any more.

    Args:
        named: the address of the sweep in another MLflow store; None where it is of this output folder.

    Raises:
        BadInput: there is none.
    """
    address = named if named is not None and is_address(named) else None
    if address is not None:
        recorded = declared_there(address).get(name)
        if recorded is not None:
            return recorded
    if name.endswith(".py") or name in known_sweeps():
        return find_listed(name).sweep.declaration
    planned = next((plan.declaration for plan in read_plans(out) if plan.sweep == name), None)
    if planned is not None:
        return planned
    if address is not None:
        raise BadInput(
            f"{address}: {name} is no ablation of hemosweep, and an earlier version recorded it there without its "
            "comparisons; give the output folder that trained it with --out"
        )
    try:
        return find_listed(name).sweep.declaration
    except BadInput as unknown:
        raise BadInput(f"{unknown}; nor has the folder {out} (--out) a sweep of that name") from None


def with_external_arms(declared: Declaration, store: RunStore) -> Declaration:
    """The declaration of an ablation, joined by the external arms that a store has of it.

    Each is compared with the baseline, in the family of the declared comparisons: Holm counts it, too.
    """
    try:
        runs = store.list_runs(declared.name)
    except BadInput:  # There are none yet.
        return declared
    return declared.joined_by(run.arm for run in runs if run.external is not None)


def recorded_declarations(out: Path, address: str | None = None) -> dict[str, Declaration]:
    """Declarations of the ablations that another store has recorded, or, in an output folder, of those that it has
    plans of and nothing else knows, by name."""
    known = known_sweeps()
    planned = {plan.sweep: plan.declaration for plan in read_plans(out) if plan.sweep not in known}
    found = {name: declaration for name, declaration in planned.items() if declaration is not None}
    if address is not None:
        there = declared_there(address)
        found |= {name: one for name, one in there.items() if name not in known or known[name].search is None}
    return found
