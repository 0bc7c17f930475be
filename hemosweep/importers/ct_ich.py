"""PhysioNet CT-ICH 1.3.1 (Hssayeni et al. 2020, doi:10.3390/data5010014): injured heads, one mask for all blood."""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import FunctionImporter
from hemosweep.importers.source import Scan, image_files, pair_scans, read_table
from hemosweep.importers.volumes import read_binary_case
from hemosweep.importers.writer import ImportedCase, ImportSummary, write_dataset

TABLE = "hemorrhage_diagnosis_raw_ct.csv"
CT_ICH = Layout(name="PhysioNet CT-ICH", marks=("ct_scans", "masks", TABLE))
TYPES = {
    "Intraparenchymal": "IPH",
    "Intraventricular": "IVH",
    "Subarachnoid": "SAH",
    "Subdural": "SDH",
    "Epidural": "EDH",
}


def import_ct_ich(source: Path, out: Path, *, progress: Progress | None = None) -> ImportSummary:
    """Write the set as a data set into `out`.

    Layout: `ct_scans/049.nii` and `masks/` of the same names, which are the patients' numbers, and a table with a row a
    slice, whose column Intraventricular tells the cases that bleed into the ventricles. More than half of the scans
    show no hemorrhage and are left out.

    Raises:
        BadInput: `source` is not in this layout, or `out` cannot take a data set.
    """
    root = find_root(source, CT_ICH)
    types = _types_by_patient(root / TABLE)
    scans = pair_scans(image_files(root / "ct_scans"), image_files(root / "masks"))
    return write_dataset(
        out,
        {scan.case_id: partial(_read, scan, types) for scan in scans},
        source=source,
        layout=CT_ICH.name,
        notes=("the masks hold every type of hemorrhage; the column lesion_type tells each case's",),
        progress=progress,
    )


def _types_by_patient(table: Path) -> dict[int, set[str]]:
    """From patient number to the types seen in any slice."""
    types: defaultdict[int, set[str]] = defaultdict(set)
    for row in read_table(table, ("PatientNumber", *TYPES)):
        if not row["PatientNumber"]:
            continue
        try:
            seen = types[int(float(row["PatientNumber"]))]
            seen.update(short for column, short in TYPES.items() if float(row[column] or 0) == 1)
        except ValueError:
            raise BadInput(f"{table}: has a cell that is no number; use the table as it was published") from None
    return dict(types)


def _read(scan: Scan, types_by_patient: Mapping[int, set[str]]) -> ImportedCase:
    types = types_by_patient.get(int(scan.name)) if scan.name.isdecimal() else None
    return read_binary_case(
        scan,
        patient_id=scan.name,
        ivh=None if types is None else "IVH" in types,
        columns={
            "centre": CT_ICH.name,
            "lesion_type": "+".join(short for short in TYPES.values() if short in (types or ())) or "n/a",
        },
        warnings=(f"{TABLE} has no row of this patient: whether there is IVH is unknown",) if types is None else (),
    )


IMPORTER = FunctionImporter(
    name="ct-ich",
    help="Import PhysioNet CT-ICH (ct_scans/, masks/, hemorrhage_diagnosis_raw_ct.csv).",
    layout=CT_ICH,
    function=import_ct_ich,
)
