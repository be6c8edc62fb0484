"""From a trained run to a versioned SavedModel that TensorFlow Serving serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.export.errors import ExportError
    from tfmm.export.model import export_model
    from tfmm.export.refresh import Refresh, refresh_index
    from tfmm.export.stock import Verdict, check_stock
    from tfmm.export.versions import list_versions, write_version

__all__ = [
    "ExportError",
    "Refresh",
    "Verdict",
    "check_stock",
    "export_model",
    "list_versions",
    "refresh_index",
    "write_version",
]

lazy_package(
    __name__,
    {
        "ExportError": "tfmm.export.errors",
        "Refresh": "tfmm.export.refresh",
        "Verdict": "tfmm.export.stock",
        "check_stock": "tfmm.export.stock",
        "export_model": "tfmm.export.model",
        "list_versions": "tfmm.export.versions",
        "refresh_index": "tfmm.export.refresh",
        "write_version": "tfmm.export.versions",
    },
)
