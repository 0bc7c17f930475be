"""The symmetric image by FSL's FLIRT (`flirt`), the tool of the paper (Section 2.1.2), if it is installed.

FSL is not free for every use and comes with no Python package, so nothing here depends on it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.errors import BadInput

BRAIN_HU = (0.0, 100.0)
"""The image of the brain for FLIRT; everything else is 0, as in a skull-stripped image."""


def mirror_by_flirt(
    image_DHW: NDArray[np.float32],
    hu_DHW: NDArray[np.float32],
    head_DHW: Mask,
    brain_DHW: Mask,
    spacing_DHW_mm: Spacing,
    *,
    fill: float,
) -> NDArray[np.float32]:
    """Mirror an image onto itself (`Mirror`): the flipped brain is registered to the brain, 6 parameters, trilinear.

    FLIRT sees the brain alone, as the paper's skull-stripped images.

    Raises:
        BadInput: there is no flirt on PATH, or it failed.
    """
    flirt = shutil.which("flirt")
    if flirt is None:
        raise BadInput("symmetric=flirt needs FSL's flirt on PATH; install FSL, or use plane or register")
    affine = np.diag([*reversed(spacing_DHW_mm), 1.0])
    seen_DHW = np.where(brain_DHW & head_DHW, np.clip(hu_DHW, *BRAIN_HU), np.float32(0.0))
    with TemporaryDirectory(prefix="hemosweep-flirt-") as name:
        folder = Path(name)

        def write(stem: str, array_DHW: NDArray[np.float32]) -> str:
            path = folder / f"{stem}.nii"
            write_volume(path, Volume(array_DHW=array_DHW.astype(np.float32), affine=affine))
            return str(path)

        brain = write("brain", seen_DHW)
        flipped = write("flipped", seen_DHW[:, :, ::-1])
        # FLIRT puts 0 where its input ends.
        image = write("image", image_DHW[:, :, ::-1] - np.float32(fill))
        matrix, mirrored = str(folder / "onto_brain.mat"), folder / "mirrored.nii"
        _run([flirt, "-in", flipped, "-ref", brain, "-omat", matrix, "-dof", "6"])
        apply = ["-applyxfm", "-init", matrix, "-interp", "trilinear"]
        _run([flirt, "-in", image, "-ref", brain, "-out", str(mirrored), *apply])
        mirrored_DHW = read_volume(mirrored).array_DHW.astype(np.float32)
    if mirrored_DHW.shape != image_DHW.shape:
        raise BadInput(f"flirt gave an image of shape {mirrored_DHW.shape}, not {image_DHW.shape}; check its version")
    return mirrored_DHW + np.float32(fill)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "FSLOUTPUTTYPE": "NIFTI"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode != 0:
        message = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise BadInput(f"flirt ended with code {done.returncode} ({message}); mend FSL, or use plane or register")
