"""From a trained run to a versioned SavedModel that TensorFlow Serving serves."""

from tfmm.export.agreement import agreement
from tfmm.export.errors import ExportError
from tfmm.export.model import ExportSettings, export_model, servable_of
from tfmm.export.refresh import Refresh, refresh_index
from tfmm.export.servable import Servable
from tfmm.export.stock import Verdict, check_stock
from tfmm.export.versions import list_versions, write_version

__all__ = [
    "ExportError",
    "ExportSettings",
    "Refresh",
    "Servable",
    "Verdict",
    "agreement",
    "check_stock",
    "export_model",
    "list_versions",
    "refresh_index",
    "servable_of",
    "write_version",
]
