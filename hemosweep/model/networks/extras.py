"""Packages that only some networks need. Such a network names hemosweep's extra that brings them as its `extra`."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hemosweep.components.protocols import Network
from hemosweep.errors import BadInput

MONAI, NNUNET = "monai", "nnunet"
PACKAGES = {MONAI: ("monai", "einops"), NNUNET: ("dynamic_network_architectures",)}
"""Packages of each extra. MONAI does not install einops, without which some of its networks cannot be built."""


def check_extra(network: Network) -> None:
    """Look for the packages of a network's extra, where it has one, without importing them.

    Raises:
        BadInput: one of them is absent.
    """
    extra: str = getattr(network, "extra", "")
    missing = next((package for package in PACKAGES.get(extra, ()) if find_spec(package) is None), None)
    if missing is not None:
        raise BadInput(
            f"{type(network).__name__} comes from {PACKAGES[extra][0]} ({missing} is absent); "
            f"install it with: pip install 'hemosweep[{extra}]'"
        )


def of_extra(network: Network, module: str) -> Any:
    """Return a module of the package that a network comes from.

    Raises:
        BadInput: as `check_extra`.
    """
    check_extra(network)
    return import_module(module)
