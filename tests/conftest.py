import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

NOBODY = 65534

# Timing on a shared machine says nothing about the code; in CI the same examples are drawn each time.
settings.register_profile("hemosweep", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hemosweep")


@pytest.fixture
def as_nobody():
    """A folder that everyone may enter, for a test that then runs without root's right to read every file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public scans that HEMOSWEEP_REAL_DATA names."""
    folder = os.environ.get("HEMOSWEEP_REAL_DATA")
    if not folder:
        pytest.skip("HEMOSWEEP_REAL_DATA is not set: it names the folder with the public scans")
    path = Path(folder)
    assert path.is_dir(), f"HEMOSWEEP_REAL_DATA={folder}: no such folder"
    return path
