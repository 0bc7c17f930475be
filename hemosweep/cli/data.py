"""`hemosweep data`: make, check and look at data sets. The commands that import and export them are elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hemosweep.cli import completion
from hemosweep.cli.external import export_mist, export_nnunet
from hemosweep.cli.help import shown
from hemosweep.cli.imports import IMPORT, DataGroup, print_summary
from hemosweep.cli.options import (
    DataSet,
    Jobs,
    Json,
    LesionLabel,
    Out,
    expanded,
    num_jobs,
    print_error,
    print_json,
    print_lines,
    print_table,
)
from hemosweep.errors import BadInput
from hemosweep.gitignore import keep_out_of_git

Picture = Annotated[
    Path | None, typer.Option(help="Picture to write, in place of the one under --out.", callback=expanded)
]

LOOK, EXPORT = "Make and look", "Export"

data_app = typer.Typer(
    name="data", cls=DataGroup, help="Make, import, check and look at data sets.", no_args_is_help=True
)


@data_app.command(**shown(LOOK, "hemosweep data phantom phantoms --cases 18"))
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to make.", callback=expanded)],
    cases: Annotated[int, typer.Option(help="Number of cases.")] = 18,
    size: Annotated[
        str,
        typer.Option(help="small (96 x 96), demo (240 x 240) or paper (512 x 512).", autocompletion=completion.sizes),
    ] = "demo",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    ivh_share: Annotated[float, typer.Option(help="Share of cases with intraventricular hemorrhage.")] = 0.15,
) -> None:
    """Make a data set of procedural head CTs with hemorrhages."""
    from hemosweep.environment import num_processors
    from hemosweep.phantom.writer import write_phantom
    from hemosweep.report.terminal.progress import progress_bar

    jobs = num_processors()
    with progress_bar("phantom cases") as progress:
        write_phantom(out, num_cases=cases, size=size, seed=seed, ivh_share=ivh_share, jobs=jobs, progress=progress)
    typer.echo(f"{cases} cases in {out}; look at them: hemosweep data preview {out}")


@data_app.command(**shown(LOOK, "hemosweep data preview scans --png scans.png"))
def preview(
    data: DataSet,
    png: Picture = None,
    cases: Annotated[int, typer.Option(help="At most this many cases.")] = 12,
    out: Out = Path("runs"),
) -> None:
    """Draw a contact sheet of a data set, by default as preview.png under --out."""
    from hemosweep.report.slices.preview import contact_sheet

    path = contact_sheet(data, png or out / "preview.png", max_cases=cases)
    if png is None:
        keep_out_of_git(out)
    typer.echo(f"drew {path}")


@data_app.command(**shown(LOOK, "hemosweep data check scans"))
def check(data: DataSet, lesion_label: LesionLabel = None, jobs: Jobs = None, as_json: Json = False) -> None:
    """Report every problem of a data set at once.

    Exit code 2 if a case cannot be used.
    """
    from hemosweep.qc import check_dataset
    from hemosweep.report.terminal.cohort import problem_table
    from hemosweep.report.terminal.progress import progress_bar

    with progress_bar("checking cases") as progress:
        report = check_dataset(data, lesion_label=lesion_label, jobs=num_jobs(jobs), progress=progress)
    if as_json:
        print_json(report.as_json())
    else:
        if report.problems:
            print_table(problem_table(report))
        print_lines(report.as_lines())
    if report.count("error"):
        raise typer.Exit(BadInput.exit_code)


@data_app.command(**shown(LOOK, "hemosweep data describe scans --json"))
def describe(
    data: DataSet,
    png: Picture = None,
    lesion_label: LesionLabel = None,
    jobs: Jobs = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Print and draw the cohort of a data set, by default as cohort.png under --out.

    Volumes, spacing, IVH share, histograms of HU, and the digest of the content.
    """
    from hemosweep.qc.cohort import describe_cohort
    from hemosweep.report.terminal.cohort import draw_cohort, spread_table
    from hemosweep.report.terminal.progress import progress_bar

    with progress_bar("reading cases") as progress:
        cohort = describe_cohort(data, lesion_label=lesion_label, jobs=num_jobs(jobs), progress=progress)
    path = png or out / "cohort.png"
    draw_cohort(cohort, path, title=cohort.title)
    if png is None:
        keep_out_of_git(out)
    if as_json:
        print_json(cohort.as_json())
        return
    print_lines(cohort.as_lines())
    print_table(spread_table(cohort))
    typer.echo(f"drew {path}")


data_app.command(
    name="export-nnunet", **shown(EXPORT, "hemosweep data export-nnunet scans --to nnUNet_raw --dataset-id 501")
)(export_nnunet)
data_app.command(name="export-mist", **shown(EXPORT, "hemosweep data export-mist scans --to mist"))(export_mist)


@data_app.command(
    name="import-masks",
    **shown(
        IMPORT,
        "hemosweep data import-masks masks scans",
        "hemosweep data import-masks drawn.seg.nrrd scans --lesion-label hematoma",
    ),
)
def import_masks(
    source: Annotated[
        Path, typer.Argument(help="File, or folder of files with the cases' ids in their names.", callback=expanded)
    ],
    data: DataSet,
    lesion_label: Annotated[
        str | None, typer.Option(metavar="NAME|K", help="The lesion's label. Default: the only one.")
    ] = None,
    ivh_label: Annotated[
        str | None, typer.Option(metavar="NAME|K", help="Label of intraventricular hemorrhage, for an IVH mask.")
    ] = None,
    pattern: Annotated[str, typer.Option(help="Only files of such names, such as '*lesion*'.")] = "*",
    table: Annotated[
        Path | None, typer.Option(help="Table of participant_id and mask, instead of names.", callback=expanded)
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Key file of import-dicom: DICOM is matched by its study.", callback=expanded)
    ] = None,
    label_names: Annotated[
        Path | None, typer.Option(help="Label description file of ITK-SNAP.", callback=expanded)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace masks that are there.")] = False,
) -> None:
    """Put drawn masks into a data set.

    Read are DICOM SEG and RTSTRUCT, the files of 3D Slicer and ITK-SNAP, NRRD, MHA and NIfTI.
    """
    from hemosweep.importers.masks.importing import import_masks
    from hemosweep.report.terminal.progress import progress_bar

    try:
        with progress_bar("importing masks") as progress:
            summary = import_masks(
                source,
                data,
                lesion_label=lesion_label,
                ivh_label=ivh_label,
                pattern=pattern,
                table=table,
                key_file=key_file,
                label_names=label_names,
                overwrite=overwrite,
                progress=progress,
            )
    except KeyboardInterrupt:
        print_error("stopped; finished cases have their masks, and --overwrite would make them again")
        raise typer.Exit(1) from None
    print_summary(summary, f"masks of {len(summary.written)} cases are in {data}", data)
