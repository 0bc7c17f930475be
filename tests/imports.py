"""Packages that a command line imports: those that take long shall wait until they are needed."""

import subprocess
import sys


def imported(heavy, *commands):
    """Standard output of the commands, run one after the other in one process, and which of `heavy` it imported."""
    code = f"""
import sys
from hemosweep.cli import main
for command in {commands!r}:
    sys.argv = ["hemosweep", *command]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
print(*sorted({set(heavy)!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    *printed, names = done.stdout.splitlines()
    return "\n".join(printed), names.split()
