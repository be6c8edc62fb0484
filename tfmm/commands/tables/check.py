"""`tfmm check`: loads a shop and reports its flaws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, ShopFile, option, pairs

app = typer.Typer()


@app.command(cls=Command, help="load a shop and report its flaws")
def check(
    shop: ShopFile,
    json_file: Annotated[
        Path | None, option("--json", metavar="FILE", help="write the report as JSON too")
    ] = None,
    policy: Annotated[
        list[str] | None,
        option(
            "--policy",
            metavar="CHECK=POLICY",
            help="set the policy of one check (drop, mask, raise, keep); may be given several "
            "times",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.data import load
    from tfmm.data.files import write_text

    policies = pairs(policy, "--policy", "CHECK=POLICY, as in image_corrupt=raise")
    report = load(shop, policies=policies).report
    report.print()
    if json_file is not None:
        write_text(json_file, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {json_file}")
