"""Endings of the image files that a CT or a mask may come in."""

NIFTI_SUFFIXES = (".nii.gz", ".nii")
META_SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
PAIR_SUFFIX = ".hdr"
"""Of Analyze, and of NIfTI in two files; the voxels lie beside it in .img."""
SEGMENTATION_SUFFIX = ".seg.nrrd"
"""Of 3D Slicer."""
IMAGE_SUFFIXES = (*NIFTI_SUFFIXES, SEGMENTATION_SUFFIX, *META_SUFFIXES, PAIR_SUFFIX)
"""Longer ones before those that they end in."""


def stem_of(name: str) -> str | None:
    """Name of an image file without its ending, in capitals or not; None where it has none of an image."""
    suffix = next((suffix for suffix in IMAGE_SUFFIXES if name.lower().endswith(suffix)), None)
    return None if suffix is None else name[: -len(suffix)]
