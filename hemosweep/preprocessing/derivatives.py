"""Folders of preprocessed cases. Their names depend on everything that can change the cases."""

from pathlib import Path

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.files import is_writable
from hemosweep.identity.fold_run import preprocessing_digest
from hemosweep.identity.stages import Code


def derivatives_folder(data: Path, out: Path, config: PreprocessingConfig, code: Code | None = None) -> Path:
    """Folder of preprocessed cases: in the data set, or under `out` where the data set must not be written to.

    Args:
        code: finds the code that makes them; by default hemosweep's alone.
    """
    code = Code(cache_in=out) if code is None else code
    digest = preprocessing_digest(config, code.of_preprocessing(config))
    name = Path("derivatives") / "hemosweep-preproc" / digest
    existing = next(path for path in (data / name, *(data / name).parents) if path.exists())
    writable = is_writable(existing) and bool(existing.stat().st_mode & 0o222)
    return (data if writable else out) / name


def derivative_path(case: Case, config: PreprocessingConfig, folder: Path) -> Path:
    """Path of the preprocessed case, which need not exist yet.

    Raises:
        BadInput: a file of the case cannot be read.
    """
    return folder / f"{case.case_id}-{input_digest(case, with_cta=config.angiography)}.npz"
