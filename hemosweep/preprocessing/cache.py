"""Preprocessed cases on disk, under a name that says everything they depend on; what is not there yet is made."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.digest import digest_files, digest_json, input_digest
from hemosweep.data.parallel import Progress, map_cases
from hemosweep.errors import BadInput
from hemosweep.preprocessing.pipeline import PreparedImages, prepare_images, to_network_grid
from hemosweep.preprocessing.record import load_preprocessed, save_preprocessed

Illustrate = Callable[[PreparedImages, Path], None]
"""Draws a case into a PNG file, whole or not at all; a function of a module, since other processes call it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of each case: its file and what was noticed about it, or the one line that says why there is none.

    Everything is in the order of the cases asked for. `pictures` is empty where none were asked for.
    """

    paths: Mapping[str, Path]
    warnings: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, str]
    pictures: Mapping[str, Path]


def code_digest() -> str:
    """Digest of the source that turns files into preprocessed cases."""
    package = Path(__file__).parent
    readers = [package.parent / "data" / f"{name}.py" for name in ("case", "hounsfield", "nifti")]
    return digest_files([*package.rglob("*.py"), *readers], package.parent)


def derivatives_folder(data: Path, out: Path, config: PreprocessingConfig) -> Path:
    """Where preprocessed cases live: in the data set, or under `out` where the data set must not be written to."""
    name = Path("derivatives") / "hemosweep-preproc" / digest_json([asdict(config), code_digest()])
    existing = next(path for path in (data / name, *(data / name).parents) if path.exists())
    writable = os.access(existing, os.W_OK) and bool(existing.stat().st_mode & 0o222)
    return (data if writable else out) / name


def derivative_path(case: Case, config: PreprocessingConfig, folder: Path) -> Path:
    """Where the preprocessed case is, or will be.

    Raises:
        BadInput: a file of the case cannot be read.
    """
    return folder / f"{case.case_id}-{input_digest(case, with_cta=config.angiography)}.npz"


def preprocess(
    cases: Sequence[Case],
    config: PreprocessingConfig,
    folder: Path,
    *,
    jobs: int,
    progress: Progress,
    illustrate: Illustrate | None = None,
) -> Outcome:
    """Preprocess what is not there yet. A case that cannot be used is named in the outcome; the others go on.

    A file's name holds the digest of its case's inputs, its folder's name that of parameters and code: a changed
    input or option never meets an old derivative.

    Raises:
        BadInput: no job to do it with.
        HemosweepError: a process was killed.
    """
    make = partial(_make, config=config, folder=folder, illustrate=illustrate)
    made = dict(
        zip((case.case_id for case in cases), map_cases(make, cases, jobs=jobs, progress=progress), strict=True)
    )
    finished = {case_id: result for case_id, result in made.items() if not isinstance(result, str)}
    return Outcome(
        paths={case_id: path for case_id, (path, _) in finished.items()},
        warnings={case_id: warnings for case_id, (_, warnings) in finished.items()},
        failures={case_id: message for case_id, message in made.items() if isinstance(message, str)},
        pictures={} if illustrate is None else {case_id: _picture(path) for case_id, (path, _) in finished.items()},
    )


def _make(
    case: Case, *, config: PreprocessingConfig, folder: Path, illustrate: Illustrate | None
) -> tuple[Path, tuple[str, ...]] | str:
    """The case's file and warnings, or the one line that says why there is none."""
    try:
        return _preprocess_and_save(case, config, folder, illustrate)
    except BadInput as error:
        return str(error)
    except MemoryError:
        return f"case {case.case_id}: not enough memory; give fewer --jobs"
    except OSError as error:
        return f"case {case.case_id}: cannot be preprocessed ({error}); mend it and start again"


def _picture(path: Path) -> Path:
    return path.with_suffix(".png")


def _preprocess_and_save(
    case: Case, config: PreprocessingConfig, folder: Path, illustrate: Illustrate | None
) -> tuple[Path, tuple[str, ...]]:
    path = derivative_path(case, config, folder)
    if path.is_file() and (illustrate is None or _picture(path).is_file()):
        return path, load_preprocessed(path).warnings
    images = prepare_images(case, config)
    if not path.is_file():
        save_preprocessed(to_network_grid(images, config), path)
    if illustrate is not None:
        illustrate(images, _picture(path))
    return path, images.warnings
