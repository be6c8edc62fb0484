"""Opening a page for the person at the keyboard."""

from __future__ import annotations

import os
import sys
import webbrowser


def open_in_browser(address: str) -> None:
    """Opens an address where a window can open: none for a script, or over a plain terminal."""
    screen = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if screen and sys.stdout.isatty():
        webbrowser.open(address)
