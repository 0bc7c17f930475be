"""Opening of a file with a drawing, whatever its format, and what is said of one that cannot be read."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hemosweep.data.image_names import SEGMENTATION_SUFFIX, stem_of
from hemosweep.errors import BadInput
from hemosweep.importers.masks.dicom import read_dicom
from hemosweep.importers.masks.drawing import Drawing
from hemosweep.importers.masks.label_maps import read_label_map, read_slicer
from hemosweep.importers.masks.matching import kind_of


def open_drawing(path: Path, names: Mapping[int, str]) -> Drawing:
    """Read a file with a drawing, of any of the formats.

    Args:
        names: of the values of a plain label map.

    Raises:
        BadInput: there is no such file, or it cannot be read.
    """
    if not os.path.isfile(path):
        raise BadInput("no such file; check the table")
    if path.name.lower().endswith(SEGMENTATION_SUFFIX) or path.suffix.lower() in (".nrrd", ".nhdr"):
        return read_slicer(path, names)
    return read_dicom(path) if stem_of(path.name) is None else read_label_map(path, names)


@contextmanager
def faults_of(path: Path, shown: str) -> Iterator[None]:
    """Context in which every error of a file is one line that begins with the name to show.

    The text of a library's error may hold values of the file's header, and so a patient's name: it is left out.
    """
    try:
        yield
    except BadInput as error:
        text = str(error).removeprefix(f"{path}: ")
        if len(path.parts) > 1:  # a bare name, such as "1", may be a part of any word
            text = text.replace(str(path), shown)
        raise type(error)(f"{shown}: {text}") from None
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        lacks = isinstance(error, AttributeError) and error.name
        reason = f"it lacks {lacks}" if lacks else f"odd content, {type(error).__name__}"
        raise BadInput(f"{shown}: cannot be read as {kind_of(path)} ({reason}); export it again") from error
