import os
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on a shared machine says nothing about the code; in CI the same examples are drawn each time.
settings.register_profile("hemosweep", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hemosweep")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public scans that HEMOSWEEP_REAL_DATA names."""
    folder = os.environ.get("HEMOSWEEP_REAL_DATA")
    if not folder:
        pytest.skip("HEMOSWEEP_REAL_DATA is not set: it names the folder with the public scans")
    path = Path(folder)
    assert path.is_dir(), f"HEMOSWEEP_REAL_DATA={folder}: no such folder"
    return path
