"""Lesion masks as people draw them, put into a data set: 3D Slicer, ITK-SNAP, DICOM SEG and radiotherapy structures."""
