"""Tables and figures of a study, beside the paper's own numbers.

Import from the module that is needed: the figures load matplotlib, the tables do not.
"""
