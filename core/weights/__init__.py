"""Third-party weights: what there is, where it comes from, and whether it is the right one."""

from core.weights.cache import cache_root, file_sha256, is_ready
from core.weights.fetching import fetch, locate
from core.weights.manifest import Weight, WeightFile, catalogue, find
from core.weights.progress import Progress, Step
from core.weights.verification import VerifyReport, verify

__all__ = [
    "Progress",
    "Step",
    "VerifyReport",
    "Weight",
    "WeightFile",
    "cache_root",
    "catalogue",
    "fetch",
    "file_sha256",
    "find",
    "is_ready",
    "locate",
    "verify",
]
