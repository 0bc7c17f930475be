"""Name of the user in MLflow's pages."""

import os

from hemosweep.digest import digest_json
from hemosweep.privacy import machine_and_user

USER_VARIABLE = "HEMOSWEEP_USER"


def recorded_user() -> str:
    """The name in HEMOSWEEP_USER, or a pseudonym of this login on this machine.

    The pseudonym keeps the runs of several people apart and names neither person nor machine.
    """
    return os.environ.get(USER_VARIABLE, "").strip() or f"user-{digest_json(machine_and_user())[:6]}"
