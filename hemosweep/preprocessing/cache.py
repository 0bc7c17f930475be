"""Preprocessed cases on disk; missing ones are computed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.parallel import Progress, is_stopping, map_cases
from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.preprocessing.derivatives import derivative_path
from hemosweep.preprocessing.overview import append_overview, make_overview
from hemosweep.preprocessing.pipeline import Head, PreparedImages, images_of, read_head, to_network_grid
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
    folders: Mapping[PreprocessingConfig, Path],
    *,
    jobs: int,
    progress: Progress,
    illustrate: DrawCase | None = None,
) -> dict[PreprocessingConfig, PreprocessedCases]:
    """Preprocess the cases that have no file yet. A case that cannot be used is named in the result; the others go on.

    A file's name holds the digest of its case's inputs, its folder's name that of parameters and code: a changed
    input or option never meets an old derivative. A case is read once for all configurations that read it alike.

    Args:
        folders: the folder of each configuration.
        progress: called with the number of cases that all configurations are done with.

    Raises:
        BadInput: no job to do it with.
        HemosweepError: a process was killed.
    """
    make = partial(_make, folders=dict(folders), illustrate=illustrate)
    made = map_cases(make, cases, jobs=jobs, progress=progress)
    return {
        config: _outcome(cases, [of_case[number] for of_case in made], with_pictures=illustrate is not None)
        for number, config in enumerate(folders)
    }


def _outcome(cases: Sequence[Case], made: Sequence["_Made"], *, with_pictures: bool) -> PreprocessedCases:
    results = {case.case_id: result for case, result in zip(cases, made, strict=True)}
    finished = {case_id: result for case_id, result in results.items() if not isinstance(result, str)}
    return PreprocessedCases(
        paths={case_id: path for case_id, (path, _) in finished.items()},
        warnings={case_id: warnings for case_id, (_, warnings) in finished.items()},
        failures={case_id: message for case_id, message in results.items() if isinstance(message, str)},
        pictures={case_id: _picture(path) for case_id, (path, _) in finished.items()} if with_pictures else {},
    )


_Made = tuple[Path, tuple[str, ...]] | str
"""A case's file and warnings, or the reason in one line why there is no file."""


def _make(case: Case, *, folders: Mapping[PreprocessingConfig, Path], illustrate: DrawCase | None) -> list[_Made]:
    """Make a case for each configuration. After an interrupt the rest is left out."""
    # Two: with and without the angiography.
    head_of = lru_cache(maxsize=2)(partial(_timed_head, case))
    made: list[_Made] = []
    for config, folder in folders.items():
        if is_stopping():
            break
        try:
            made.append(_preprocess_and_save(case, config, folder, illustrate, head_of))
        except BadInput as error:
            made.append(str(error))
        except MemoryError:
            made.append(f"case {case.case_id}: not enough memory; give fewer --jobs")
        except OSError as error:
            made.append(f"case {case.case_id}: cannot be preprocessed ({error}); mend it and start again")
    return made


def _timed_head(case: Case, lesion_label: int | None, angiography: bool) -> tuple[Head, float]:
    """The case as it was read, and the seconds that this took."""
    begun = time.perf_counter()
    head = read_head(case, lesion_label=lesion_label, angiography=angiography)
    return head, time.perf_counter() - begun


def _picture(path: Path) -> Path:
    return path.with_suffix(".png")


def _preprocess_and_save(
    case: Case,
    config: PreprocessingConfig,
    folder: Path,
    illustrate: DrawCase | None,
    head_of: Callable[[int | None, bool], tuple[Head, float]],
) -> tuple[Path, tuple[str, ...]]:
    path = derivative_path(case, config, folder)
    if path.is_file() and (illustrate is None or _picture(path).is_file()):
        return path, load_preprocessed(path).warnings
    head, reading_s = head_of(config.lesion_label, config.angiography)
    begun = time.perf_counter()
    images = images_of(head, config)
    if not path.is_file():
        preprocessed = to_network_grid(images, config)
        # As long as this preprocessing takes by itself, though others may have read the case for it.
        seconds = reading_s + time.perf_counter() - begun
        with replacing(path, shared=True) as temporary:
            save_preprocessed(preprocessed, temporary)
            append_overview(make_overview(images), temporary)
        write_seconds(path, seconds)
    if illustrate is not None:
        illustrate(images, _picture(path))
    return path, images.head.warnings
