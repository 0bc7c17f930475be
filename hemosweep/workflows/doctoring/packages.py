"""Python, hemosweep's own packages, and those of its extras, by their metadata: nothing is imported."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hemosweep.environment import package_versions
from hemosweep.workflows.doctoring.finding import Finding, note, ok, problem

EXTRAS = {
    "monai": "the MONAI networks of the sweep architecture",
    "nnunet": "nnU-Net's networks of the sweeps architecture and published",
    "cluster": "--executor dask and slurm",
    "dashboard": "hemosweep dashboard",
}
"""Use of each extra."""
_AGAIN = "run make setup, or pip install hemosweep, again"


def check_python() -> Finding:
    allowed, found = SpecifierSet(metadata("hemosweep")["Requires-Python"] or ""), platform.python_version()
    if not allowed.contains(found, prereleases=True):
        return problem("Python", found, f"hemosweep needs {allowed}; make its environment anew with such a Python")
    bits = "" if sys.maxsize > 2**32 else ", 32 bits"
    return ok("Python", found + bits)


def check_packages() -> Finding:
    """The packages that every sweep needs, and their versions."""
    needed = [one for one in _requirements() if one.marker is None or one.marker.evaluate({"extra": ""})]
    faults = [fault for fault in map(_fault, needed) if fault]
    versions = ", ".join(f"{name} {number}" for name, number in package_versions().items())
    if faults:
        return problem("packages", "; ".join(faults), _AGAIN)
    return ok("packages", f"all {len(needed)} are there: {versions}")


def check_extras() -> Iterator[Finding]:
    for extra, use in EXTRAS.items():
        members = [one for one in _requirements() if one.marker is not None and _is_of(one, extra)]
        faults = [fault for fault in map(_fault, members) if fault]
        what = f"extra {extra}"
        if faults:
            yield note(what, "; ".join(faults), f"only {use} need it: pip install 'hemosweep[{extra}]'")
        else:
            yield ok(what, ", ".join(f"{one.name} {version(one.name)}" for one in members))


def _requirements() -> list[Requirement]:
    return [Requirement(line) for line in requires("hemosweep") or ()]


def _is_of(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _fault(requirement: Requirement) -> str:
    """The way in which a package falls short; empty where it does not."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is absent"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is not {requirement.specifier}"
