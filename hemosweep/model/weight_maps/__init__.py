"""Weights of voxels in the loss, one file each."""
