"""The contract of every importer, on each of ours and on a small example of its layout."""

import numpy as np

from hemosweep.data.nifti import Volume
from hemosweep.importers import bhsd, cq500, ct_ich, dicom, hemseg, instance, nnunet
from hemosweep.testing.importers import ImporterContract
from tests import layouts
from tests.dicom_files import write_series

CT = Volume(
    array_DHW=np.arange(8 * 16 * 16, dtype=np.int16).reshape(8, 16, 16) - 1024,
    affine=np.array([[0.5, 0, 0, -4], [0, 0.4, 0, -3], [0, 0, 5, 20], [0, 0, 0, 1]]),
)


def case(*, ivh):
    labels_DHW = np.zeros((8, 16, 16), dtype=np.uint8)
    labels_DHW[4, 3, 4:10] = layouts.IPH
    labels_DHW[4, 4, 4:6] = layouts.IVH if ivh else 0
    return layouts.SourceCase(ct=CT, labels_DHW=labels_DHW)


CASES = [case(ivh=True), case(ivh=False)]


class TestBhsd(ImporterContract):
    def importer(self):
        return bhsd.IMPORTERS[0]

    def source(self, folder):
        return layouts.write_bhsd(folder, CASES)


class TestMbhSeg(ImporterContract):
    def importer(self):
        return bhsd.IMPORTERS[1]

    def source(self, folder):
        return layouts.write_mbh_seg(folder, CASES)


class TestCq500(ImporterContract):
    def importer(self):
        return cq500.IMPORTER

    def source(self, folder):
        return layouts.write_cq500(folder, CASES)


class TestCtIch(ImporterContract):
    def importer(self):
        return ct_ich.IMPORTER

    def source(self, folder):
        return layouts.write_ct_ich(folder, CASES)


class TestHemSeg(ImporterContract):
    def importer(self):
        return hemseg.IMPORTER

    def source(self, folder):
        return layouts.write_hemseg(folder, CASES)


class TestInstance(ImporterContract):
    def importer(self):
        return instance.IMPORTER

    def source(self, folder):
        return layouts.write_instance(folder, CASES)


class TestNnUnet(ImporterContract):
    options = {"lesion_label": 1}  # noqa: RUF012

    def importer(self):
        return nnunet.IMPORTER

    def source(self, folder):
        return layouts.write_nnunet(folder, CASES)


class TestDicom(ImporterContract):
    def importer(self):
        return dicom.IMPORTER

    def source(self, folder):
        write_series(folder / "study")
        return folder
