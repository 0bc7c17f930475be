"""Jobs of children in a training's place: apart from the tests, so that a child need not import pytest for them."""

import os
import subprocess
import time


def run_script(lines, folder):
    """A shell script with the fold run's folder as its working directory."""
    return subprocess.run(["bash", "-c", "\n".join(lines)], cwd=folder).returncode


def exec_script(lines, folder):
    """The same in the child's own process."""
    os.chdir(folder)
    os.execvp("bash", ["bash", "-c", "\n".join(lines)])


def work_for_long(folder):
    (folder / "begun").touch()
    time.sleep(120)
    return 0


def train_compiled(folder):
    """A fold run whose steps are compiled, though it is short and on the CPU."""
    from hemosweep.training import loop
    from hemosweep.training.child import train_fold

    loop.is_worth_compiling = lambda config, device, num_patches: True
    return train_fold(folder)


def leave_a_trace(folder):
    (folder / "worked").touch()
    return 0
