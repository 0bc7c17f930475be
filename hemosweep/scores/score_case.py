"""Scores of one case.

What a score is where a mask is empty (DESIGN.md, *Undefined values*; None is undefined):

    ==============================  ===========  ===============  ================
    score                           both empty   reference empty  prediction empty
    ==============================  ===========  ===============  ================
    dsc, lesion_f1                  None         None             0
    nsd                             None         0                0
    hd95_mm, assd_mm                None         image diagonal   image diagonal
    *_sensitivity                   None         None             0
    *_precision                     None         0                None
    volume_difference_ml            0            predicted_ml     -reference_ml
    absolute_volume_difference_ml   0            predicted_ml     reference_ml
    false_positive_ml               0            predicted_ml     0
    ==============================  ===========  ===============  ================

The diagonal is that of the whole image, in mm: no distance between two masks can be longer, so that nothing is gained
by predicting nothing.
"""

import math
from collections.abc import Sequence

from hemosweep.arrays import Mask, Spacing
from hemosweep.errors import BadInput
from hemosweep.scores.catalogue import OWN_METRICS
from hemosweep.scores.masks import cropped
from hemosweep.scores.metric import Metric


def score_case(
    prediction: Mask,
    reference: Mask,
    *,
    spacing_DHW_mm: Spacing,
    metrics: Sequence[Metric] = OWN_METRICS,
) -> dict[str, float | None]:
    """Score a prediction against the reference, both `(D, H, W)` on the scanner's grid, by every metric.

    Distances take the grid as right-angled; on a tilted scan they leave out by how much each slice is shifted.

    Raises:
        ValueError: the two differ in shape.
        BadInput: a score is neither None nor a finite number.
    """
    masks = cropped(prediction, reference, spacing_DHW_mm)
    scores = {metric.name: metric.score(masks) for metric in metrics}
    for name, value in scores.items():
        if value is not None and not math.isfinite(value):
            raise BadInput(f"metric {name} is {value}; return None where it is undefined")
    return {name: None if value is None else float(value) for name, value in scores.items()}
