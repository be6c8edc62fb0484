"""What mkdocs calls while it builds: pages that are made of the code and of files outside docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

from tools.docs_site.api import api_pages
from tools.docs_site.commands import commands_page
from tools.docs_site.keys import run_file_page, shop_file_page
from tools.docs_site.notebooks import quiet, shown

ROOT = Path(__file__).parents[2]


def on_config(config: Any) -> Any:
    """Puts the pages of the API, and the notebooks, into the navigation."""
    for entry in config.nav:
        if "API" in entry:
            entry["API"] = [{name: path} for name, path, _ in api_pages(ROOT)]
        if "Notebooks" in entry:
            entry["Notebooks"] = [f"notebooks/{path.name}" for path in shown(ROOT)]
    return config


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that no file of docs/ is the source of."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/run-file.md": run_file_page(),
        "reference/shop-file.md": shop_file_page(),
        "reference/changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
        **{path: text for _, path, text in api_pages(ROOT)},
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    for notebook in shown(ROOT):
        path, folder = f"notebooks/{notebook.name}", str(notebook.parents[1])
        files.append(File(path, folder, config.site_dir, config.use_directory_urls))
    return files


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Takes out of notebooks the address that MathJax would be loaded from, since none has a
    formula, and what TensorFlow says of itself."""
    if page.file.src_uri.endswith(".ipynb"):
        html = quiet(re.sub(r"<script[^>]*https?://[^>]*>\s*</script>", "", html))
    return html
