"""From a trained run to a versioned SavedModel that TensorFlow Serving serves."""

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
