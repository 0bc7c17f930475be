"""The mirror by FSL's flirt, with a flirt of our own on PATH that checks how it is called."""

import sys

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.preprocessing.symmetry.flirt import mirror_by_flirt

SPACING_DHW_MM = (5.0, 2.0, 2.0)

# Finds no turn, only the move in x that lays the brains' middles on each other, and applies it in whole voxels.
FLIRT = """#!{python}
import os, sys
import nibabel as nib
import numpy as np

words = sys.argv[1:]
flags = [word for word in words if word == "-applyxfm"]
rest = [word for word in words if word != "-applyxfm"]
options = dict(zip(rest[::2], rest[1::2], strict=True))
assert os.environ["FSLOUTPUTTYPE"] == "NIFTI"
moving, reference = nib.load(options["-in"]), nib.load(options["-ref"])
if not flags:
    assert options["-dof"] == "6", options
    assert sorted(options) == ["-dof", "-in", "-omat", "-ref"], options
    middles = [np.nonzero(np.asarray(image.dataobj))[0].mean() for image in (reference, moving)]
    matrix = np.eye(4)
    matrix[0, 3] = (middles[0] - middles[1]) * reference.header.get_zooms()[0]
    np.savetxt(options["-omat"], matrix)
else:
    assert sorted(options) == ["-in", "-init", "-interp", "-out", "-ref"], options
    assert options["-interp"] == "trilinear"
    voxels = round(np.loadtxt(options["-init"])[0, 3] / reference.header.get_zooms()[0])
    array = np.asarray(moving.dataobj)
    moved = np.zeros_like(array)
    if voxels > 0:
        moved[voxels:] = array[:-voxels]
    elif voxels < 0:
        moved[:voxels] = array[-voxels:]
    else:
        moved = array
    nib.save(nib.Nifti1Image(moved, reference.affine), options["-out"])
"""


@pytest.fixture
def brain():
    """A brain whose middle is column 8 of 20, symmetric but for one bright voxel at column 6."""
    brain_DHW = np.zeros((3, 10, 20), dtype=bool)
    brain_DHW[:, 2:8, 4:13] = True
    hu_DHW = np.where(brain_DHW, 30.0, -1000.0).astype(np.float32)
    hu_DHW[1, 5, 6] = 70.0
    return hu_DHW, brain_DHW


def put_on_path(folder, monkeypatch, text):
    script = folder / "flirt"
    script.write_text(text)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_fsl_the_way_out_is_named(brain, tmp_path, monkeypatch):
    hu_DHW, brain_DHW = brain
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput) as caught:
        mirror_by_flirt(hu_DHW, hu_DHW, brain_DHW, brain_DHW, SPACING_DHW_MM, fill=0.0)
    message = "symmetric=flirt needs FSL's flirt on PATH; install FSL, or use plane or register"
    assert str(caught.value) == message


@pytest.mark.skipif(sys.platform == "win32", reason="FSL does not run there")
def test_flirt_lays_the_flipped_brain_on_the_brain_and_the_image_follows(brain, tmp_path, monkeypatch):
    hu_DHW, brain_DHW = brain
    put_on_path(tmp_path, monkeypatch, FLIRT.format(python=sys.executable))
    image_DHW = hu_DHW.copy()
    mirrored_DHW = mirror_by_flirt(image_DHW, hu_DHW, brain_DHW, brain_DHW, SPACING_DHW_MM, fill=-1000.0)
    # Column 6 lies two left of the middle, column 10 two right of it.
    expected_DHW = np.where(brain_DHW, 30.0, -1000.0)
    expected_DHW[1, 5, 10] = 70.0
    assert mirrored_DHW.dtype == np.float32
    np.testing.assert_allclose(mirrored_DHW, expected_DHW)


@pytest.mark.skipif(sys.platform == "win32", reason="FSL does not run there")
def test_a_failing_flirt_is_quoted(brain, tmp_path, monkeypatch):
    hu_DHW, brain_DHW = brain
    put_on_path(tmp_path, monkeypatch, "#!/bin/sh\necho no licence >&2\nexit 3\n")
    with pytest.raises(BadInput, match=r"flirt ended with code 3 \(no licence\)"):
        mirror_by_flirt(hu_DHW, hu_DHW, brain_DHW, brain_DHW, SPACING_DHW_MM, fill=0.0)
