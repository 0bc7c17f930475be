"""Public sets of head CT, and nnU-Net's, to data sets that hemosweep reads."""

from hemosweep.data.parallel import Progress
from hemosweep.importers.bhsd import import_bhsd, import_mbh_seg
from hemosweep.importers.cq500 import import_cq500
from hemosweep.importers.ct_ich import import_ct_ich
from hemosweep.importers.hemseg import import_hemseg
from hemosweep.importers.instance import import_instance
from hemosweep.importers.masks.importing import import_masks
from hemosweep.importers.nnunet import import_nnunet
from hemosweep.importers.writer import ImportedCase, ImportSummary, check_out, write_dataset

__all__ = [
    "ImportSummary",
    "ImportedCase",
    "Progress",
    "check_out",
    "import_bhsd",
    "import_cq500",
    "import_ct_ich",
    "import_hemseg",
    "import_instance",
    "import_masks",
    "import_mbh_seg",
    "import_nnunet",
    "write_dataset",
]
