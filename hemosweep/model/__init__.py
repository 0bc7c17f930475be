"""The network, its loss and the device that they work on."""
