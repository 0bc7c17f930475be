"""Seg-CQ500 (Spahr et al. 2023, doi:10.5281/zenodo.8063221): 51 scans of CQ500, one mask for all hemorrhage."""

import os
from functools import partial
from pathlib import Path, PurePosixPath

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.ids import stored_path
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import FunctionImporter
from hemosweep.importers.source import Scan, image_file, read_table, subject_ids
from hemosweep.importers.volumes import MERGED, read_binary_case
from hemosweep.importers.writer import ImportSummary, write_dataset

CQ500_COLUMNS = ("name", "CT_fn", "mask_fn")
CQ500 = Layout(name="Seg-CQ500", roots=("volumes", "data/volumes", "Seg-CQ500/data/volumes"), marks=("info.csv",))


def import_cq500(source: Path, out: Path, *, progress: Progress | None = None) -> ImportSummary:
    """Write the set as a data set into `out`.

    Layout: `Seg-CQ500/data/volumes/info.csv` with a row a case: its name (CQ500-CT-n, one a patient) and the files of
    its CT and its mask in the folder of that name. The grids are sheared as the gantry was tilted and are passed on as
    they are. The mask merges the types of hemorrhage, so whether there is IVH is unknown.

    Raises:
        BadInput: `source` is not in this layout, or `out` cannot take a data set.
    """
    root = find_root(source, CQ500)
    table = root / "info.csv"
    rows = {row["name"]: row for row in read_table(table, CQ500_COLUMNS)}
    scans = [
        Scan(
            case_id=case_id,
            name=name,
            ct_path=_file(root, name, rows[name]["CT_fn"]),
            labels_path=_file(root, name, rows[name]["mask_fn"]),
        )
        for name, case_id in subject_ids(rows).items()
    ]
    if not scans:
        raise BadInput(f"{table}: lists no case; use the table as it was published")
    columns = {"centre": "CQ500"}
    return write_dataset(
        out,
        {scan.case_id: partial(read_binary_case, scan, patient_id=scan.name, columns=columns) for scan in scans},
        source=source,
        layout=CQ500.name,
        notes=(MERGED,),
        progress=progress,
    )


def _file(root: Path, name: str, cell: str) -> Path | None:
    """A file of the case's folder, whatever path the table gives before the file's name."""
    file_name = PurePosixPath(cell.replace("\\", "/")).name
    stem = file_name.removesuffix(".gz").removesuffix(".nii")
    path = image_file(stored_path(root, name), stem)
    return path if stem and os.path.isfile(path) else None


IMPORTER = FunctionImporter(
    name="cq500",
    help="Import Seg-CQ500 (data/volumes/info.csv).",
    layout=CQ500,
    function=import_cq500,
)
