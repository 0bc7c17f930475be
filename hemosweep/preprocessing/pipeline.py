"""Raw cases to preprocessed cases, kept under a name that says everything they depend on."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case, read_case
from hemosweep.data.digest import digest_file, digest_files, digest_json
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.preprocessing.brain import brain_mask, head_mask, is_saturated
from hemosweep.preprocessing.grid import Grid, bounding_box, resampled_shape, resize, resize_mask
from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed, save_preprocessed

Progress = Callable[[int, int], None]


def preprocess_case(case: Case, config: PreprocessingConfig) -> PreprocessedCase:
    """Read one case, remove head holder and skull, resample, window to [-1, 1] and crop to the head.

    Raises:
        BadInput: the case cannot be read (`read_case`), or no skull is found in it.
    """
    raw = read_case(case)
    hu_DHW, spacing_DHW_mm = raw.ct.array_DHW.astype(np.float32), raw.ct.spacing_DHW_mm
    brain_DHW = brain_mask(hu_DHW, spacing_DHW_mm)
    if not brain_DHW.any():
        raise BadInput(f"case {case.case_id}: no skull with a brain in it in {case.ct_path.name}; is it a head CT?")
    warnings = []
    if is_saturated(hu_DHW):
        warnings.append(f"CT is clipped to [{hu_DHW.min():g}, {hu_DHW.max():g}] HU; bone is taken as its maximum")
    kept = np.count_nonzero(raw.lesion_DHW & brain_DHW) / np.count_nonzero(raw.lesion_DHW)
    if kept < 0.995:
        warnings.append("more than 0.5% of the lesion lies outside the brain mask")

    full_DHW = resampled_shape(raw.ct.array_DHW.shape, spacing_DHW_mm, config.spacing_HWD_mm)
    head_DHW = resize_mask(head_mask(hu_DHW) | brain_DHW, full_DHW)
    start_DHW, size_DHW = bounding_box(head_DHW)
    grid = Grid(native_DHW=hu_DHW.shape, full_DHW=full_DHW, crop_start_DHW=start_DHW, crop_DHW=size_DHW)

    low_hu, high_hu = config.window_hu
    scaled_DHW = 2.0 * (resize(np.clip(hu_DHW, low_hu, high_hu), full_DHW) - low_hu) / (high_hu - low_hu) - 1.0
    brain_crop_DHW = grid.crop(resize_mask(brain_DHW, full_DHW)).astype(bool)
    image_DHW = np.where(brain_crop_DHW, grid.crop(scaled_DHW), np.float32(-1.0))
    factors = [native / full for native, full in zip(grid.native_DHW, grid.full_DHW, strict=True)]
    depth_mm, height_mm, width_mm = (mm * factor for mm, factor in zip(spacing_DHW_mm, factors, strict=True))
    return PreprocessedCase(
        case_id=case.case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_crop_DHW,
        lesion_DHW=grid.crop(resize_mask(raw.lesion_DHW, full_DHW)).astype(bool),
        reference_DHW=raw.lesion_DHW,
        affine=raw.ct.affine,
        spacing_DHW_mm=(depth_mm, height_mm, width_mm),
        native_spacing_DHW_mm=spacing_DHW_mm,
        grid=grid,
        warnings=tuple(warnings),
    )


def input_digest(case: Case) -> str:
    """Content digest of a case's CT and lesion mask files.

    Raises:
        BadInput: one of them cannot be read.
    """
    try:
        return digest_json([digest_file(case.ct_path), digest_file(case.lesion_path)])
    except OSError as error:
        raise BadInput(
            f"case {case.case_id}: {error.filename} cannot be read ({error.strerror}); check the file and its mode"
        ) from error


def code_digest() -> str:
    """Digest of the source that turns files into preprocessed cases."""
    package = Path(__file__).parent
    sources = [*package.glob("*.py"), package.parent / "data" / "case.py", package.parent / "data" / "nifti.py"]
    return digest_files(sources, package.parent)


def derivatives_folder(data: Path, out: Path, config: PreprocessingConfig) -> Path:
    """Where preprocessed cases live: in the data set, or under `out` where the data set must not be written to."""
    name = Path("derivatives") / "hemosweep-preproc" / digest_json([asdict(config), code_digest()])
    existing = next(path for path in (data / name, *(data / name).parents) if path.exists())
    writable = os.access(existing, os.W_OK) and bool(existing.stat().st_mode & 0o222)
    return (data if writable else out) / name


def _preprocess_and_save(case: Case, config: PreprocessingConfig, folder: Path) -> tuple[Path, tuple[str, ...]]:
    path = folder / f"{case.case_id}-{input_digest(case)}.npz"
    if path.is_file():
        return path, load_preprocessed(path).warnings
    preprocessed = preprocess_case(case, config)
    save_preprocessed(preprocessed, path)
    return path, preprocessed.warnings


def preprocess(
    cases: Sequence[Case], config: PreprocessingConfig, folder: Path, *, jobs: int, progress: Progress
) -> tuple[dict[str, Path], dict[str, tuple[str, ...]]]:
    """Preprocess what is not there yet; return each case's file and what was noticed about it.

    A file's name holds the digest of its case's inputs, its folder's name that of parameters and code: a changed
    input or option never meets an old derivative.

    Raises:
        BadInput: of the first case, in order, that cannot be used; the other cases are finished first.
        HemosweepError: the system failed (a full disk, a killed process).
    """
    finished: dict[str, tuple[Path, tuple[str, ...]]] = {}
    errors: dict[str, BadInput] = {}
    progress(0, len(cases))
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_preprocess_and_save, case, config, folder): case for case in cases}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                case_id = futures[future].case_id
                try:
                    finished[case_id] = future.result()
                except BadInput as error:
                    errors[case_id] = error
                except OSError as error:
                    raise HemosweepError(
                        f"case {case_id}: cannot be preprocessed ({error}); start again then"
                    ) from error
                except BrokenProcessPool as error:
                    raise HemosweepError("a preprocessing process was killed, for lack of memory perhaps") from error
                progress(done, len(cases))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interrupt must not wait for what is queued
            raise
    failed = [errors[case.case_id] for case in cases if case.case_id in errors]
    if failed:
        more = f" (and {len(failed) - 1} more cases cannot be used)" if len(failed) > 1 else ""
        raise BadInput(f"{failed[0]}{more}")
    paths = {case.case_id: finished[case.case_id][0] for case in cases}
    return paths, {case.case_id: finished[case.case_id][1] for case in cases}
