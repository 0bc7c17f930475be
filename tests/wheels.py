"""The packages that a user installs, built from a copy of the source tree by setuptools, without a network."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "hemosweep", "sweeps", "tracking")


def copy_sources(folder):
    """Copy what a package is built from, links as links: a build leaves folders of its own beside the sources."""
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return folder


def build(kind, source, to):
    """Build the `wheel` or the `sdist` of a source tree into a folder and return its path."""
    to.mkdir(exist_ok=True)
    code = f"from setuptools.build_meta import build_{kind}; build_{kind}({str(to)!r})"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = to.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


def unpack_sdist(path, to):
    with tarfile.open(path) as archive:
        archive.extractall(to, filter="data")
    return to / path.name.removesuffix(".tar.gz")


def leave_traps(folder):
    """A user's own packages `sweeps` and `tracking`, which nobody may import."""
    for name in ("sweeps", "tracking"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f'raise RuntimeError("the {name} of the user was imported")\n')
    return folder
