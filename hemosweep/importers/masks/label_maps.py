"""Label maps: a plain image whose values are labels, and the segments of 3D Slicer."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Label
from hemosweep.importers.masks.grid import GridDrawing
from hemosweep.importers.spreadsheet import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hemosweep.data.nifti import Volume

_SEGMENT = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")
EXPORT = "export it from 3D Slicer again"
_ITK_SNAP_LINE = re.compile(r'\s*(\d+)(?:\s+[\d.]+){6}\s+"(.*)"\s*')
"""IDX, -R-, -G-, -B-, -A--, VIS, MSH, "LABEL"."""


def read_label_map(path: Path, names: "Mapping[int, str]") -> GridDrawing:
    """Read a plain image: its values but 0 are its labels; a picture of one colour and probabilities have one.

    Args:
        names: of the values, where they have some.

    Raises:
        BadInput: the file is unreadable, or has values that are no labels.
    """
    import numpy as np

    from hemosweep.data.images import read_image
    from hemosweep.data.mask_values import as_labels

    image = read_image(path, as_mask=True)
    values_DHW, warnings = as_labels(image.array_DHW)
    image = replace(image, array_DHW=values_DHW, warnings=(*image.warnings, *warnings))
    numbers = [int(value) for value in np.unique(values_DHW) if value]
    labels = tuple(Label(number=number, name=names.get(number, "")) for number in numbers)
    return GridDrawing(labels=labels, read=partial(_with_value, image))


def read_slicer(path: Path, names: "Mapping[int, str]") -> GridDrawing:
    """Read a segmentation of 3D Slicer. Segments that overlap lie in layers, which may use one value twice.

    The image may be a part of the CT's: its header has its place.

    Args:
        names: of the values of an image without segments, where they have some.

    Raises:
        BadInput: the file is unreadable, not 3D, or an image without segments whose values are no labels; or a
            segment has no value, or a layer that is not there.
    """
    from hemosweep.data.images import load_meta

    image = load_meta(path)
    fields: dict[int, dict[str, str]] = {}
    for key in image.GetMetaDataKeys():
        if match := _SEGMENT.fullmatch(key):
            fields.setdefault(int(match[1]), {})[match[2]] = image.GetMetaData(key)
    if not fields:
        return read_label_map(path, names)
    if image.GetDimension() != 3:
        raise BadInput(f"has {image.GetDimension()} dimensions, not one 3D volume; {EXPORT}")
    # Before version 4.11 each segment was a layer of its own, of zeros and ones.
    num_layers = image.GetNumberOfComponentsPerPixel()
    places: dict[Label, tuple[int, int]] = {}
    for index, field in sorted(fields.items()):
        layer = _number(field.get("Layer", str(index if num_layers > 1 else 0)), "Layer", index)
        value = _number(field.get("LabelValue", "1"), "LabelValue", index)
        if layer >= num_layers:
            raise BadInput(f"its segment {index} lies in layer {layer}, but it has only {num_layers}; {EXPORT}")
        places[Label(number=value, name=field.get("Name", ""))] = layer, value
    return GridDrawing(labels=tuple(places), read=partial(_segment, image, places))


def _number(text: str, field: str, index: int) -> int:
    if not text.strip().isdecimal():
        raise BadInput(f"the {field} of its segment {index} is no whole number; {EXPORT}")
    return int(text)


def read_names(path: Path) -> dict[int, str]:
    """Names of label values, from a label description file of ITK-SNAP.

    Raises:
        BadInput: it is unreadable, or no such file.
    """
    lines = read_text(path, way_out="give a label description file of ITK-SNAP").splitlines()
    matches = [_ITK_SNAP_LINE.fullmatch(line) for line in lines if line.strip() and not line.startswith("#")]
    if not matches or None in matches:
        raise BadInput(f"{path}: is no label description file of ITK-SNAP (Segmentation > Export Label Descriptions)")
    return {int(match[1]): match[2] for match in matches if match and int(match[1])}


def _with_value(image: "Volume", label: Label) -> "Volume":
    return replace(image, array_DHW=image.array_DHW == label.number)


def _segment(image: Any, places: "Mapping[Label, tuple[int, int]]", label: Label) -> "Volume":
    import SimpleITK

    from hemosweep.data.images import meta_affine, meta_warnings
    from hemosweep.data.nifti import to_ras

    layer, value = places[label]
    array = SimpleITK.GetArrayViewFromImage(image)
    array_KJI = array[..., layer] if array.ndim > 3 else array
    return to_ras((array_KJI == value).transpose(2, 1, 0), meta_affine(image), meta_warnings(image))
