"""The ablation-study harness of hemorrhagic-stroke segmentation on head CT."""

__version__ = "0.1.0"
