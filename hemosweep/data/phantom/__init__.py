"""Procedural head CTs with hemorrhages: data for tests, demonstrations and forecasts, free of any patient."""

from hemosweep.data.phantom.case import (
    CTA_SHARE,
    IVH_SHARE,
    PhantomCase,
    PhantomPose,
    has_cta,
    has_ivh,
    make_phantom,
    scan_model,
)
from hemosweep.data.phantom.model import PhantomModel, make_model
from hemosweep.data.phantom.sizes import SIZES, PhantomSize
from hemosweep.data.phantom.variant import PhantomVariant
from hemosweep.data.phantom.writer import write_phantom

__all__ = [
    "CTA_SHARE",
    "IVH_SHARE",
    "SIZES",
    "PhantomCase",
    "PhantomModel",
    "PhantomPose",
    "PhantomSize",
    "PhantomVariant",
    "has_cta",
    "has_ivh",
    "make_model",
    "make_phantom",
    "scan_model",
    "write_phantom",
]
