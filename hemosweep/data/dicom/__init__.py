"""DICOM series to volumes: `list_series` reads headers, `read_series` reads the pixels of one series."""

from hemosweep.data.dicom.series import DicomSeries, Listing, list_series
from hemosweep.data.dicom.volume import read_series

__all__ = ["DicomSeries", "Listing", "list_series", "read_series"]
