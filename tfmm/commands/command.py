"""A command of `tfmm`: how it ends, and what its help looks like."""

from __future__ import annotations

import sys
from typing import Any

from typer.core import TyperArgument, TyperCommand

from tfmm.commands.errors import is_for_the_user, message_of
from tfmm.commands.quiet import quiet_tensorflow


class Command(TyperCommand):
    """A command whose function does the work and returns its exit code, or None for 0.

    The function takes `debug` (see `tfmm.commands.options.Debug`). What goes wrong with the input
    or the machine becomes one message and exit code 1, Ctrl-C exit code 130; with `debug`, errors
    keep their traceback.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # Typer cuts a help that it takes from the long one to the line.
        self.short_help = self.short_help or self.help

    def invoke(self, ctx: Any) -> int:
        """Calls the function; returns the exit code."""
        debug = ctx.params["debug"]
        if not debug:
            quiet_tensorflow()
        try:
            return super().invoke(ctx) or 0
        except KeyboardInterrupt:
            # What was going on may still hold a bar, since the error keeps its frames.
            progress = sys.modules.get("tfmm.data.progress")
            if progress is not None:
                progress.Bar.clear()
            print("stopped", file=sys.stderr)
            return 130
        except Exception as error:
            if debug or not is_for_the_user(error):
                raise
            print(f"{ctx.command_path}: {message_of(error)}", file=sys.stderr)
            return 1

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line's words: arguments and the options that cannot be left out, by metavar."""
        arguments = [param for param in self.params if isinstance(param, TyperArgument)]
        options = [param for param in self.params if not isinstance(param, TyperArgument)]
        names = [(param.display_name_raw, param.required) for param in arguments]
        return [
            "[OPTIONS]",
            *(name if required else f"[{name}]" for name, required in names),
            *(f"{param.opts[0]} {param.metavar}" for param in options if param.required),
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments by their metavar alone (Typer adds `<path>` to each), then the options."""
        arguments = [
            (param.display_name_raw, param.help or "")
            for param in self.params
            if isinstance(param, TyperArgument)
        ]
        options = [
            param.get_help_record(ctx)
            for param in self.get_params(ctx)
            if not isinstance(param, TyperArgument)
        ]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
