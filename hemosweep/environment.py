"""Provenance of a run: recorded beside it, never hashed into its identity."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("hemosweep", "torch", "numpy", "scipy", "nibabel", "mlflow", "optuna", "pandas")


def num_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def package_versions() -> dict[str, str]:
    """Version of each package that takes part in a run; those that are not installed are left out."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def version_line() -> str:
    """Versions of hemosweep, Python and torch in a line, without importing torch."""
    found = package_versions()
    torch = f"PyTorch {found['torch']}" if "torch" in found else "no PyTorch"
    return f"hemosweep {found.get('hemosweep', '(not installed)')} (Python {platform.python_version()}, {torch})"


def git_commit() -> str | None:
    """Commit of the checkout that the code runs from, with `-dirty` if it was edited; None outside a checkout."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def describe_environment() -> dict[str, str]:
    """Python, platform, packages and git commit; no host name, user name or path."""
    facts = {"python": platform.python_version(), "platform": f"{platform.system()}-{platform.machine()}"}
    commit = git_commit()
    return facts | package_versions() | ({"git_commit": commit} if commit else {})
