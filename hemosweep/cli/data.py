"""`hemosweep data`: make, import, check and look at data sets."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hemosweep.cli.options import (
    DataSet,
    IvhLabel,
    Jobs,
    Json,
    LesionLabel,
    expanded,
    num_jobs,
    print_error,
    print_json,
    print_table,
    print_warning,
)
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.importers.writer import ImportSummary

data_app = typer.Typer(name="data", help="Make, import, check and look at data sets.", no_args_is_help=True)

ImportSource = Annotated[Path, typer.Argument(help="Folder to import from.", callback=expanded)]
NewDataSet = Annotated[Path, typer.Argument(metavar="DATA", help="Data set folder to make.", callback=expanded)]


@data_app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to make.", callback=expanded)],
    cases: Annotated[int, typer.Option(help="Number of cases.")] = 18,
    size: Annotated[str, typer.Option(help="demo (96 x 96 x 24) or paper (512 x 512).")] = "demo",
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


@data_app.command()
def preview(
    data: DataSet,
    png: Annotated[Path, typer.Option(help="Picture to write.", callback=expanded)] = Path("preview.png"),
    cases: Annotated[int, typer.Option(help="At most this many cases.")] = 12,
) -> None:
    """Draw a contact sheet of a data set."""
    from hemosweep.report.slices.preview import contact_sheet

    typer.echo(f"drew {contact_sheet(data, png, max_cases=cases)}")


@data_app.command()
def check(data: DataSet, lesion_label: LesionLabel = None, jobs: Jobs = None, as_json: Json = False) -> None:
    """Report every problem of a data set at once. Exit code 2 if a case cannot be used."""
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
        for line in report.as_lines():
            typer.echo(line)
    if report.count("error"):
        raise typer.Exit(BadInput.exit_code)


@data_app.command()
def describe(
    data: DataSet,
    png: Annotated[Path, typer.Option(help="Picture to write.", callback=expanded)] = Path("cohort.png"),
    lesion_label: LesionLabel = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Print and draw the cohort: volumes, spacing, IVH share, HU histograms, content digest."""
    from hemosweep.qc.cohort import describe_cohort
    from hemosweep.report.terminal.cohort import draw_cohort, spread_table
    from hemosweep.report.terminal.progress import progress_bar

    with progress_bar("reading cases") as progress:
        cohort = describe_cohort(data, lesion_label=lesion_label, jobs=num_jobs(jobs), progress=progress)
    draw_cohort(cohort, png, title=data.resolve().name)
    if as_json:
        print_json(cohort.as_json())
        return
    for line in cohort.as_lines():
        typer.echo(line)
    print_table(spread_table(cohort))
    typer.echo(f"drew {png}")


@data_app.command("import-dicom")
def import_dicom(
    source: ImportSource,
    data: NewDataSet,
    series: Annotated[
        int | None, typer.Option(help="Of a study with several head CTs, take this one (the warning counts them).")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Write a table, for your eyes only, that links new ids to patients.", callback=expanded),
    ] = None,
) -> None:
    """Import DICOM folders: one case a study, nothing of the patient but images."""
    from hemosweep.importers.dicom import import_dicom

    _import(partial(import_dicom, source, data, series=series, key_file=key_file), data)


@data_app.command("import-ct-ich")
def import_ct_ich(source: ImportSource, data: NewDataSet) -> None:
    """Import PhysioNet CT-ICH (ct_scans/, masks/, hemorrhage_diagnosis_raw_ct.csv)."""
    from hemosweep.importers.ct_ich import import_ct_ich

    _import(partial(import_ct_ich, source, data), data)


@data_app.command("import-instance")
def import_instance(source: ImportSource, data: NewDataSet) -> None:
    """Import INSTANCE 2022 (train_2/data, train_2/label)."""
    from hemosweep.importers.instance import import_instance

    _import(partial(import_instance, source, data), data)


@data_app.command("import-bhsd")
def import_bhsd(
    source: ImportSource, data: NewDataSet, lesion_label: LesionLabel = None, ivh_label: IvhLabel = None
) -> None:
    """Import BHSD (label_192/images, label_192/ground truths): IPH is the lesion."""
    from hemosweep.importers.bhsd import IPH, IVH, import_bhsd

    lesion, ivh = lesion_label or IPH, ivh_label or IVH
    _import(partial(import_bhsd, source, data, lesion_label=lesion, ivh_label=ivh), data)


@data_app.command("import-mbh-seg")
def import_mbh_seg(
    source: ImportSource,
    data: NewDataSet,
    rater: Annotated[str, typer.Option(help="Number of the rater, or majority.")] = "1",
    lesion_label: LesionLabel = None,
    ivh_label: IvhLabel = None,
) -> None:
    """Import MBH-Seg 2025 (MBH_Train_2025_voxel-label/CASE/image.nii.gz, label_annot_N.nii.gz)."""
    from hemosweep.importers.bhsd import IPH, IVH, import_mbh_seg

    if rater != "majority" and not rater.isdigit():
        raise BadInput(f"--rater {rater}: give a rater's number, or majority")
    lesion, ivh = lesion_label or IPH, ivh_label or IVH
    chosen: int | Literal["majority"] = "majority" if rater == "majority" else int(rater)
    _import(partial(import_mbh_seg, source, data, rater=chosen, lesion_label=lesion, ivh_label=ivh), data)


@data_app.command("import-cq500")
def import_cq500(source: ImportSource, data: NewDataSet) -> None:
    """Import Seg-CQ500 (data/volumes/info.csv)."""
    from hemosweep.importers.cq500 import import_cq500

    _import(partial(import_cq500, source, data), data)


@data_app.command("import-hemseg")
def import_hemseg(
    source: ImportSource,
    data: NewDataSet,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the rebuilt images. Default: images in SOURCE.", callback=expanded)
    ] = None,
) -> None:
    """Import HemSeg-200 or -500 (IPH_IVH_label/ and the images rebuilt from RSNA DICOM)."""
    from hemosweep.importers.hemseg import import_hemseg

    _import(partial(import_hemseg, source, data, images=images), data)


@data_app.command("import-nnunet")
def import_nnunet(
    source: ImportSource, data: NewDataSet, lesion_label: LesionLabel = None, ivh_label: IvhLabel = None
) -> None:
    """Import an nnU-Net raw data set (imagesTr, labelsTr, dataset.json)."""
    from hemosweep.importers.nnunet import import_nnunet

    _import(partial(import_nnunet, source, data, lesion_label=lesion_label, ivh_label=ivh_label), data)


def _import(run: Callable[..., "ImportSummary"], data: Path) -> None:
    """Run an importer with a progress bar, and say what became of the cases. Exit code 2 if one failed."""
    from hemosweep.data.remarks import grouped
    from hemosweep.report.terminal.progress import progress_bar

    try:
        with progress_bar("importing cases") as progress:
            summary = run(progress=progress)
    except KeyboardInterrupt:
        print_error(f"stopped; {data} holds no data set yet: delete it and start again")
        raise typer.Exit(1) from None
    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    for line in grouped(summary.warnings, len(summary.written)):
        print_warning(line)
    for message in summary.failures.values():
        print_error(message)
    num_failed = len(summary.failures)
    typer.echo(f"imported {len(summary.written)} cases to {data}" + (f"; {num_failed} failed" if num_failed else ""))
    if summary.written:
        typer.echo(f"next: hemosweep data check {data}")
    if num_failed:
        raise typer.Exit(BadInput.exit_code)
