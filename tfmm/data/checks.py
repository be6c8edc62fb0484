"""The checks that loading makes, what each may do about a bad row, and the report of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table

from tfmm.config.names import hint

MAX_EXAMPLES = 3


class CheckError(ValueError):
    """A check whose policy is `raise` found something."""


@dataclass(frozen=True)
class Check:
    """A check: its name, what it counts, and the policies it takes, the default first."""

    name: str
    meaning: str
    policies: tuple[str, ...]

    @property
    def default(self) -> str:
        return self.policies[0]


_ROW = ("drop", "raise")
_FEATURE = ("mask", "drop", "raise")

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check("bad_rows", "lines of a CSV or TSV with too many or too few cells", _ROW),
        Check("bad_ids", "ids that are empty, NaN, or hold a line break or NUL", _ROW),
        Check("duplicate_items", "rows of an item listed before (the first is kept)", _ROW),
        Check("duplicate_users", "rows of a user listed before (the first is kept)", _ROW),
        Check(
            "orphan_variants",
            "variants of a product that the table lacks (known by its variants alone)",
            ("keep", "raise"),
        ),
        Check(
            "chained_variants",
            "variants of what is a variant itself (they are its product's)",
            ("keep", "raise"),
        ),
        Check("duplicate_events", "events equal to an earlier one", ("keep", "drop", "raise")),
        Check("unknown_items", "events of items that the items table lacks", _ROW),
        Check("unknown_users", "events of users that the users table lacks", _ROW),
        Check("empty_triples", "triples with an empty cell, NaN or a line break", _ROW),
        Check("duplicate_triples", "triples listed before (the first is kept)", _ROW),
        Check("looped_triples", "triples that join something with itself", _ROW),
        Check(
            "unknown_heads",
            "triples whose head is no item (it is known by its name alone)",
            ("keep", "drop", "raise"),
        ),
        Check("unknown_links", "links of items that the shop lacks", _ROW),
        Check("missing_texts", "reviews or queries without a text", _ROW),
        Check(
            "duplicate_texts",
            "reviews or queries equal to an earlier one",
            ("keep", "drop", "raise"),
        ),
        Check("duplicate_reviews", "reviews whose id was listed before (the first is kept)", _ROW),
        Check(
            "reviews_of_unknown",
            "reviews of items that the shop lacks (they are of no item)",
            ("keep", "drop", "raise"),
        ),
        Check("unknown_reviews", "aspects of reviews that the shop lacks", _ROW),
        Check("bad_aspects", "aspects whose place is not in their review", _ROW),
        Check("bad_slots", "slots that are no JSON, overlap or are not in their text", _ROW),
        Check("bad_times", "times unreadable, before 1970 or over a day ahead", _ROW),
        Check("bad_ratings", "ratings that are missing or infinite", _ROW),
        Check("missing_images", "rows with no image file", _FEATURE),
        Check("absent_images", "image files named beside others and not there", ("keep", "raise")),
        Check("corrupt_images", "image files that do not decode to their end", _FEATURE),
        Check("missing_audio", "rows with no audio file", _FEATURE),
        Check("absent_audio", "audio files named beside others and not there", ("keep", "raise")),
        Check("corrupt_audio", "audio files that do not decode to their end", _FEATURE),
        Check("missing_videos", "rows with no video file", _FEATURE),
        Check("absent_videos", "video files named beside others and not there", ("keep", "raise")),
        Check("corrupt_videos", "video files that do not decode to their end", _FEATURE),
        Check("unfetched_files", "files at addresses that are not in the cache", _FEATURE),
        Check("outside_files", "files named that lie outside the shop's folder", _FEATURE),
        Check("empty_text", "rows whose text is empty", _FEATURE),
        Check("missing_category", "rows without a category", _FEATURE),
        Check("nan_numbers", "numbers that are missing, NaN or not a number", _FEATURE),
        Check("unclear_numbers", "numbers whose mark may be of decimals or of thousands", _FEATURE),
        Check(
            "mixed_currencies",
            "numbers in another currency than most of their column",
            ("mask", "keep", "drop", "raise"),
        ),
        Check("infinite_numbers", "numbers that are infinite in 32 bits", _FEATURE),
        Check("bad_vectors", "vectors that are missing or hold NaN or infinity", _FEATURE),
    )
}


def policy_problem(check: object, policy: object) -> str | None:
    """Says what is wrong with setting `check` to `policy`, or None when nothing is."""
    if check not in CHECKS:
        return f"unknown check {check!r}; {hint(check, CHECKS)}"
    allowed = CHECKS[str(check)].policies
    if policy not in allowed:
        return f"check {check!r} cannot be set to {policy!r}; it takes {', '.join(allowed)}"
    return None


@dataclass(frozen=True)
class Finding:
    """What one check found in one table, column or feature.

    `count` is in rows of the table (files, for checks of absent, corrupt, unfetched and
    outside ones); `examples` holds up to three.
    """

    check: str
    table: str
    column: str | None
    count: int
    policy: str
    examples: tuple[str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.table}, {self.column}" if self.column else self.table
        text = f"{self.check} in {where}: {self.count:,} {CHECKS[self.check].meaning}"
        if self.examples:
            text += f" (for example {'; '.join(self.examples)})"
        return f"{text}; {self.detail}" if self.detail else text


@dataclass(frozen=True)
class Note:
    """What was found out or put right while a table was read, which is no flaw.

    Args:
        table: "items", "users", "events", "knowledge", "link", "reviews", "aspects" or "queries".
        column: the column or feature; None where it is about the table.
        said: what, in words.
        count: how many cells, 0 where it is about all of them.
        examples: some of them.
    """

    table: str
    column: str | None
    said: str
    count: int = 0
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.table}, {self.column}" if self.column else self.table
        text = f"{where}: {f'{self.count:,} ' if self.count else ''}{self.said}"
        return f"{text}, such as {'; '.join(self.examples)}" if self.examples else text


@dataclass
class CheckReport:
    """What loading counted and found.

    Attributes:
        counts: `items`, `users`, `events` that survived; `rows` read by table; `features` present
            by table and feature; `events_dropped` by reason; `items_without_events`,
            `users_without_events`; `knowledge`, `reviews` and `queries`, where there are such,
            as their `counts()`.
        findings: one `Finding` for each check that found something, in the order found.
        notes: what was found out or put right, in the same order: dialects, names, spellings.
        policies: the policy in force for every check.
    """

    counts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    policies: dict[str, str] = field(
        default_factory=lambda: {name: check.default for name, check in CHECKS.items()}
    )

    def set_policies(self, policies: Mapping[str, str], source: str) -> None:
        """Sets policies by check name.

        Raises:
            ValueError: for an unknown check or a policy that it does not take, naming `source`.
        """
        for check, policy in policies.items():
            problem = policy_problem(check, policy)
            if problem:
                raise ValueError(f"{source}: {problem}")
            self.policies[check] = policy

    def record(
        self,
        check: str,
        table: str,
        count: int,
        examples: Sequence[str] = (),
        *,
        column: str | None = None,
        detail: str = "",
    ) -> str:
        """Notes `count` occurrences (nothing when 0) and returns the policy to apply.

        Raises:
            CheckError: when `count` is positive and the check's policy is `raise`.
        """
        policy = self.policies[check]
        if count <= 0:
            return policy
        finding = Finding(
            check, table, column, int(count), policy, tuple(examples[:MAX_EXAMPLES]), detail
        )
        self.findings.append(finding)
        if policy == "raise":
            others = " or ".join(other for other in CHECKS[check].policies if other != "raise")
            raise CheckError(
                f"{finding}. Loading stops because the policy of {check} is raise. To go on, mend "
                f"the table or set `checks: {{{check}: ...}}` in the shop file to {others}."
            )
        return policy

    def note(
        self,
        table: str,
        said: str,
        count: int = 0,
        examples: Sequence[str] = (),
        *,
        column: str | None = None,
    ) -> None:
        """Says what was found out or put right."""
        self.notes.append(Note(table, column, said, count, tuple(examples[:MAX_EXAMPLES])))

    def found(self, check: str) -> int:
        """How many occurrences of `check` were found, over all tables and features."""
        return sum(finding.count for finding in self.findings if finding.check == check)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values: `counts`, `findings`, `notes`, `policies`."""
        findings = [
            {**asdict(finding), "examples": list(finding.examples)} for finding in self.findings
        ]
        notes = [{**asdict(note), "examples": list(note.examples)} for note in self.notes]
        return {
            "counts": self.counts,
            "findings": findings,
            "notes": notes,
            "policies": dict(self.policies),
        }

    def print(self, console: Console | None = None) -> None:
        """Prints the counts, the features and the findings as tables."""
        console = console or Console()
        sizes = ", ".join(
            f"{self.counts.get(key, 0):,} {key}" for key in ("items", "users", "events")
        )
        if known := self.counts.get("knowledge"):
            sizes += (
                f"; {known['triples']:,} triples of {known['relations']:,} relations between "
                f"{known['items']:,} items and {known['entities']:,} entities"
            )
        for name in ("reviews", "queries"):
            if told := self.counts.get(name):
                sizes += "; " + ", ".join(f"{count:,} {what}" for what, count in told.items())
        console.print(sizes, highlight=False)
        self._print_features(console)
        for title, lines in (("Read as", self._note_lines()), ("Findings", self._finding_lines())):
            if lines:
                console.print(f"\n{title}", style="italic")
            for line in lines:
                console.print(
                    shortened(line), markup=False, highlight=False, soft_wrap=True, emoji=False
                )
        if not self.findings:
            console.print("No check found anything.")

    def _note_lines(self) -> list[str]:
        return [
            line for note in self.notes for line in _told(str(replace(note, examples=())), note)
        ]

    def _finding_lines(self) -> list[str]:
        lines: list[str] = []
        for finding in self.findings:
            where = f"{finding.table} · {finding.column}" if finding.column else finding.table
            head = f"{finding.check}: {where}: {finding.count:,} ({finding.policy})"
            lines += _told(head, finding)
            if finding.detail:
                lines.append(f"  {finding.detail}")
        return lines

    def _print_features(self, console: Console) -> None:
        features = self.counts.get("features", {})
        if not any(features.values()):
            return
        table = Table("table", "feature", "kind", title="Features", title_justify="left")
        table.add_column("present", justify="right")
        for name, by_feature in features.items():
            rows = max(self.counts.get(name, 0), 1)
            for feature, entry in by_feature.items():
                share = f"{entry['present']:,} ({100 * entry['present'] / rows:.1f} %)"
                table.add_row(name, feature, entry["kind"], share)
        console.print(table)


def shortened(text: str, width: int = 80) -> str:
    """Text on one line of at most so many columns, cut in its middle."""
    line = " ".join(text.split()) if text.strip() else text
    line = text[: len(text) - len(text.lstrip())] + line
    if cell_len(line) <= width:
        return line
    kept = (width - 1) // 2
    end = set_cell_size(line[::-1], kept)[::-1]
    return f"{set_cell_size(line, width - 1 - kept)}…{end}"


def _told(head: str, of: Finding | Note) -> list[str]:
    """A line, and one for each example."""
    return [head, *(f"  {example}" for example in of.examples)]
