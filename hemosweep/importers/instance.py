"""INSTANCE 2022 (Li et al. 2023, arXiv:2301.03281): one mask for all types of hemorrhage."""

from functools import partial
from pathlib import Path

from hemosweep.data.parallel import Progress
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import FunctionImporter
from hemosweep.importers.source import image_files, pair_scans
from hemosweep.importers.volumes import MERGED, read_binary_case
from hemosweep.importers.writer import ImportSummary, write_dataset

INSTANCE = Layout(name="INSTANCE 2022", roots=("train_2",), marks=("data", "label"))


def import_instance(source: Path, out: Path, *, progress: Progress | None = None) -> ImportSummary:
    """Write the training cases as a data set into `out`.

    Layout: `train_2/data/001.nii.gz` and `train_2/label/` of the same names. The mask merges the types of hemorrhage,
    so whether there is IVH is unknown, and every scan counts as a patient of its own.

    Raises:
        BadInput: `source` is not in this layout, or `out` cannot take a data set.
    """
    root = find_root(source, INSTANCE)
    scans = pair_scans(image_files(root / "data"), image_files(root / "label"))
    columns = {"centre": INSTANCE.name}
    return write_dataset(
        out,
        {scan.case_id: partial(read_binary_case, scan, patient_id=scan.name, columns=columns) for scan in scans},
        source=source,
        layout=INSTANCE.name,
        notes=(MERGED,),
        progress=progress,
    )


IMPORTER = FunctionImporter(
    name="instance",
    help="Import INSTANCE 2022 (train_2/data, train_2/label).",
    layout=INSTANCE,
    function=import_instance,
)
