"""ExportError: why an export was not written."""


class ExportError(RuntimeError):
    """An export failed; nothing that a server would load was left behind."""
