"""Preprocessed cases on disk; missing ones are computed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.parallel import Progress, map_cases
from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.preprocessing.derivatives import derivative_path
from hemosweep.preprocessing.overview import append_overview, make_overview
from hemosweep.preprocessing.pipeline import PreparedImages, prepare_images, to_network_grid
from hemosweep.preprocessing.preparation_time import write_seconds
from hemosweep.preprocessing.record import load_preprocessed, save_preprocessed

DrawCase = Callable[[PreparedImages, Path], None]
"""Function that draws a case into a PNG file, whole or not at all. It belongs to a module, because other processes call
it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessedCases:
    """Result of each case: its file and warnings, or the reason in one line why there is no file.

    All mappings have the order of the given cases. `pictures` is empty if none were requested.
    """

    paths: Mapping[str, Path]
    warnings: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, str]
    pictures: Mapping[str, Path]


def preprocess(
    cases: Sequence[Case],
    config: PreprocessingConfig,
    folder: Path,
    *,
    jobs: int,
    progress: Progress,
    illustrate: DrawCase | None = None,
) -> PreprocessedCases:
    """Preprocess the cases that have no file yet. A case that cannot be used is named in the result; the others go on.

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
    return PreprocessedCases(
        paths={case_id: path for case_id, (path, _) in finished.items()},
        warnings={case_id: warnings for case_id, (_, warnings) in finished.items()},
        failures={case_id: message for case_id, message in made.items() if isinstance(message, str)},
        pictures={} if illustrate is None else {case_id: _picture(path) for case_id, (path, _) in finished.items()},
    )


def _make(
    case: Case, *, config: PreprocessingConfig, folder: Path, illustrate: DrawCase | None
) -> tuple[Path, tuple[str, ...]] | str:
    """The case's file and warnings, or the reason in one line why there is no file."""
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
    case: Case, config: PreprocessingConfig, folder: Path, illustrate: DrawCase | None
) -> tuple[Path, tuple[str, ...]]:
    path = derivative_path(case, config, folder)
    if path.is_file() and (illustrate is None or _picture(path).is_file()):
        return path, load_preprocessed(path).warnings
    begun = time.perf_counter()
    images = prepare_images(case, config)
    if not path.is_file():
        preprocessed = to_network_grid(images, config)
        seconds = time.perf_counter() - begun
        with replacing(path, shared=True) as temporary:
            save_preprocessed(preprocessed, temporary)
            append_overview(make_overview(images), temporary)
        write_seconds(path, seconds)
    if illustrate is not None:
        illustrate(images, _picture(path))
    return path, images.warnings
