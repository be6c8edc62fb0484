"""The plots of reports, drawn without a display."""
