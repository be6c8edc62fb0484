"""`tfmm tune`: searches a run file's values on validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFile, at_least_1, option, pairs

app = typer.Typer()

# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Searches a run file's values for the best of its task on validation; the test part is never met.
Writes STUDY/best.yaml, ready for `tfmm train`, and every trial to STUDY/trials.csv and .json.
Started again with the same folder, the search goes on where it was."""
EXAMPLES = """\b
examples:
  tfmm tune run.yaml --out study
  tfmm tune run.yaml --out study --trials 40 --space train.learning_rate=0.002..0.05:log \\
      --space items.dim=64,128,256 --space users.history=mean,gru
  tfmm tune run.yaml --out study --space space.yaml      # the same as KEY: RANGE lines

\b
a range is low..high, or low..high:log where factors count rather than differences; values are
a,b,c. Keys are those of the run file, with a dot for each level (items.encoders.text=bag,lstm)."""


@app.command(
    cls=Command,
    short_help="search a run file's values on validation",
    help=ABOUT,
    epilog=EXAMPLES,
)
def tune(
    config: RunFile,
    out: Annotated[Path, option("--out", metavar="STUDY", help="the study folder to write")],
    space: Annotated[
        list[str] | None,
        option(
            "--space",
            metavar="KEY=RANGE|FILE.yaml",
            help="what to search; may be given several times (default: learning rate, "
            "temperature, batch size and dimensions)",
        ),
    ] = None,
    trials: Annotated[
        int,
        option(
            "--trials",
            metavar="TRIALS",
            help="trials in all, those of an earlier start included (20)",
            check=at_least_1,
        ),
    ] = 20,
    minutes: Annotated[
        float | None,
        option("--minutes", metavar="MINUTES", help="start no new trial after so many"),
    ] = None,
    seed: Annotated[int, option("--seed", metavar="SEED", help="of the proposals (1)")] = 1,
    debug: Debug = False,
) -> None:
    from tfmm.training.search_space import read_space
    from tfmm.training.tune import print_trials, tune

    ranges: dict[str, object] = {}
    for given in space or ():
        if "=" in given:
            ranges |= pairs([given], "--space", "")
        elif given.endswith((".yaml", ".yml")):
            ranges |= read_space(given)
        else:
            raise ValueError(
                f"--space {given}: expected KEY=RANGE, as in train.learning_rate=0.002..0.05:log, "
                "or a YAML file."
            )
    found = tune(config, out, space=ranges or None, trials=trials, minutes=minutes, seed=seed)
    print_trials(found)
    print(f"wrote {found.best}: {found.metric} {found.value:.4f} on validation")
    print(f"train it with: tfmm train {found.best} --out RUN")
