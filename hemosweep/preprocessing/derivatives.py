"""Folders of preprocessed cases. Their names depend on everything that can change the cases."""

import os
from dataclasses import asdict
from pathlib import Path

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.digest import digest_files, digest_json


def code_digest() -> str:
    """Digest of the source that turns files into preprocessed cases."""
    package = Path(__file__).parent
    readers = [package.parent / "data" / f"{name}.py" for name in ("hounsfield", "nifti", "reading")]
    return digest_files([*package.rglob("*.py"), *readers], package.parent)


def derivatives_folder(data: Path, out: Path, config: PreprocessingConfig) -> Path:
    """Folder of preprocessed cases: in the data set, or under `out` where the data set must not be written to."""
    name = Path("derivatives") / "hemosweep-preproc" / digest_json([asdict(config), code_digest()])
    existing = next(path for path in (data / name, *(data / name).parents) if path.exists())
    writable = os.access(existing, os.W_OK) and bool(existing.stat().st_mode & 0o222)
    return (data if writable else out) / name


def derivative_path(case: Case, config: PreprocessingConfig, folder: Path) -> Path:
    """Path of the preprocessed case, which need not exist yet.

    Raises:
        BadInput: a file of the case cannot be read.
    """
    return folder / f"{case.case_id}-{input_digest(case, with_cta=config.angiography)}.npz"
