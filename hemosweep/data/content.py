"""Content digests of cases and data sets."""

from collections.abc import Sequence

from hemosweep.data.case import Case
from hemosweep.data.case_files import misnamed
from hemosweep.digest import digest_file, digest_json
from hemosweep.errors import BadInput


def input_digest(case: Case, *, with_cta: bool = False) -> str:
    """Content digest of a case's CT and lesion mask files, and of its angiography where it has one and it counts.

    Raises:
        BadInput: one of them cannot be read.
    """
    if fault := misnamed(case.ct_path, case.case_id):
        raise BadInput(f"case {case.case_id}: {fault}")
    paths = (case.ct_path, case.lesion_path, case.cta_path if with_cta else None)
    try:
        return digest_json([digest_file(path) for path in paths if path is not None])
    except OSError as error:
        raise BadInput(
            f"case {case.case_id}: {error.filename} cannot be read ({error.strerror}); check the file and its mode"
        ) from error


def dataset_digest(cases: Sequence[Case]) -> str:
    """Content digest of a data set's images and lesion masks, independent of its place and of its table's order."""
    return digest_json(sorted([case.case_id, input_digest(case, with_cta=True)] for case in cases))
