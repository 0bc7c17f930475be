"""Facts of a report, gathered from the runs of an output folder and their data set."""
