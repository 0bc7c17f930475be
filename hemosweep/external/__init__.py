"""Arms of other programs: a data set exported to them with our folds, and their results as fold runs."""
