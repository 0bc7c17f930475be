"""Intensities: the HU that the network sees, one file each."""
