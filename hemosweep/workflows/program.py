"""The command that calls hemosweep from here, for the commands that are printed to be copied."""

import os
import shutil
import sys
from pathlib import Path


def called_by_make() -> bool:
    """True where make called hemosweep: its targets are at hand then, and elsewhere they may not be."""
    return "MAKELEVEL" in os.environ


def program() -> str:
    """Its name where that is enough, else its path."""
    called = Path(sys.argv[0])
    if shutil.which(called.name) or called.name != "hemosweep":
        return "hemosweep"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)
