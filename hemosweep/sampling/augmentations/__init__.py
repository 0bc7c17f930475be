"""Random changes of training patches, on the training device, one file each."""
