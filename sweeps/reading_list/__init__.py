"""One list of how the paper's protocol is read: each choice as printed, inferred or changed.

Every report shows it as a table, and the profile `paper` says how many choices are inferred. The values come from the
configurations and constants that the trainings use. The sweep `readings` (`sweeps/readings.py`) trains the inferred
choices that could matter in another reading.
"""

from hemosweep.sweeps.reading_list.parts import count_readings, readings, readings_by_part
from hemosweep.sweeps.reading_list.reading import Kind, Reading, choices_of

__all__ = ["Kind", "Reading", "choices_of", "count_readings", "readings", "readings_by_part"]
