"""A conversation in a terminal: what is typed and shown, and the commands that begin with /."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tfmm.serving.assistant import Answer, Assistant, StateError
from tfmm.serving.assistant.render import number
from tfmm.serving.server.errors import ServingError

_HELP = """\
/image FILE [WORDS]   ask by a picture, with words or without
/audio FILE           ask by a recording (with --voice)
/trace                how the last answer came about
/save FILE            keep the conversation
/load FILE            go on with a kept one
/new                  start over
/quit                 end (Ctrl-D does too)"""


class Terminal:
    """Reads turns from standard input and shows the answers, plain where there is no terminal.

    Args:
        assistant: who answers.
        console: where to print; standard output if None.
    """

    def __init__(self, assistant: Assistant, console: Console | None = None):
        self._assistant = assistant
        self._console = console or Console(highlight=False)
        self._commands: dict[str, Callable[[str], None]] = {
            "/image": self._image,
            "/audio": self._audio,
            "/trace": self._trace,
            "/save": self._save,
            "/load": self._load,
            "/new": self._new,
            "/help": lambda _: self._say(_HELP),
        }

    def talk(self) -> None:
        """Answers until the input ends or /quit."""
        typed = sys.stdin.isatty()
        if typed:
            self._console.print("[dim]/help says what else there is; Ctrl-D ends.[/]")
        while True:
            try:
                line = input("> ") if typed else next(sys.stdin).rstrip("\n")
            except (EOFError, StopIteration):
                return
            if not typed and line.strip():
                self._say(f"> {line.encode('unicode_escape').decode() if _odd(line) else line}")
            if line.strip() == "/quit":
                return
            if line.strip():
                self._turn(line.strip())

    def _turn(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        try:
            if name in self._commands:
                self._commands[name](rest.strip())
            elif name.startswith("/"):
                raise ValueError(
                    f"There is no such command; there are {', '.join(self._commands)}."
                )
            else:
                self._show(self._assistant.say(line))
        except (OSError, ValueError, StateError, ServingError) as error:
            # A turn that fails is told; the conversation stays where it was.
            self._say(str(error), "red")

    def _show(self, answer: Answer) -> None:
        self._say(answer.text, "bold")
        # Numbers are those that "the second" counts by: an answer about products keeps the list's.
        if not answer.decision.listed:
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        for place, product in enumerate(answer.products, start=1):
            price = "" if product.price is None else number(product.price)
            table.add_row(
                f"  {place}", escape(product.title), price, f"[dim]{escape(product.id)}[/]"
            )
        self._console.print(table)

    def _say(self, text: str, style: str = "") -> None:
        # Never as markup: titles and answers are other people's words.
        self._console.print(text, style=style, markup=False, emoji=False, soft_wrap=True)

    def _image(self, rest: str) -> None:
        file, _, words = rest.partition(" ")
        if not file:
            raise ValueError("/image: expected a picture's file, and perhaps words.")
        self._show(self._assistant.say(words, image=file))

    def _audio(self, rest: str) -> None:
        if not rest:
            raise ValueError("/audio: expected a recording's file.")
        self._show(self._assistant.say(audio=rest))

    def _trace(self, _: str) -> None:
        if not self._assistant.trace:
            raise ValueError("/trace: nothing was said yet.")
        told = self._assistant.trace[-1].to_json()
        self._say(json.dumps(told, ensure_ascii=False, indent=1))

    def _save(self, rest: str) -> None:
        if not rest:
            raise ValueError("/save: expected a file.")
        self._say(f"wrote {self._assistant.state.save(rest)}")

    def _load(self, rest: str) -> None:
        if not rest:
            raise ValueError("/load: expected a file of /save.")
        self._assistant.state = type(self._assistant.state).load(Path(rest))
        self._say(f"goes on after turn {self._assistant.state.turn}")

    def _new(self, _: str) -> None:
        self._assistant.state = self._assistant.state.forgotten()
        self._say("started over")


def _odd(line: str) -> bool:
    """Whether a line holds what a terminal would act on."""
    return not line.isprintable()
