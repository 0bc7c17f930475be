"""From raw CT to network input. `pipeline` reads NIfTI; the record and its file need numpy and scipy alone."""

from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed, save_preprocessed

__all__ = ["PreprocessedCase", "load_preprocessed", "save_preprocessed"]
