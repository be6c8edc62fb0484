"""From the cells of a table to the columns of a catalogue, checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.cells.amounts import UNCLEAR, parse_amounts
from tfmm.data.cells.several import split_cells
from tfmm.data.cells.source import Source
from tfmm.data.cells.words import clean_texts
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.columns import (
    CategoryColumn,
    Column,
    NumberColumn,
    TagsColumn,
    TextColumn,
    VectorColumn,
)
from tfmm.data.fetch.addresses import Addresses
from tfmm.data.media.folders import Folders
from tfmm.data.media.media import MEDIA, build_media
from tfmm.data.shop_file.specs import FeatureSpec, ShopFileError
from tfmm.data.tables import as_numbers, as_text, encode, objects

_FLAGS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_VECTOR_BLOCK = 1 << 16

Mask = NDArray[np.bool_]


class Builder:
    """Builds the features of one table and gathers which rows a check drops.

    Args:
        source: the rows.
        report: where findings go.
        folders: what files may be read from.
        addresses: where the files at addresses come from.
        verify_media: whether files are decoded.

    Attributes:
        dropped: bool[n], rows that a check with policy `drop` found.
    """

    def __init__(
        self,
        source: Source,
        report: CheckReport,
        folders: Folders,
        addresses: Addresses,
        *,
        verify_media: bool,
    ) -> None:
        self.source = source
        self.report = report
        self.folders = folders
        self.addresses = addresses
        self.verify_media = verify_media
        self.dropped: Mask = np.zeros(len(source.ids), bool)

    def build(self, spec: FeatureSpec) -> Column:
        """The column of one feature; bad values in it are masked.

        Raises:
            CheckError: for a check set to raise.
            ShopFileError: when the table cannot give this feature.
        """
        builders: dict[str, Callable[[FeatureSpec], Column]] = {
            "text": self._text,
            "category": self._category,
            "tags": self._tags,
            "number": self._number,
            "vector": self._vector,
        }
        if spec.kind in MEDIA:
            return build_media(self, spec)
        return builders[spec.kind](spec)

    def found(
        self,
        check: str,
        spec: FeatureSpec,
        rows: Mask,
        values: Callable[[int], str] | None = None,
        detail: str = "",
    ) -> str:
        """Reports the rows in which a check found something, and drops them if that is its policy.

        Args:
            check: its name.
            spec: the feature.
            rows: bool[n].
            values: what to show of a row.
            detail: what more there is to say.

        Returns:
            The policy.
        """
        count = int(rows.sum())
        examples = [
            self.source.ids[row] + (f": {values(row)}" if values else "")
            for row in np.flatnonzero(rows)[:MAX_EXAMPLES]
        ]
        policy = self.report.record(
            check, self.source.name, count, examples, column=spec.name, detail=detail
        )
        if policy == "drop":
            self.dropped |= rows
        return policy

    def _text(self, spec: FeatureSpec) -> TextColumn:
        texts = []
        for name in spec.columns:
            cells = self.source.cells(name)
            if _is_list(cells):
                cells = _list_text(cells, self.source.where(name))
                joined = [pc.binary_join(chunk, spec.separator) for chunk in cells.chunks]
                cells = pa.chunked_array(joined, pa.string())
            text = self._clean(spec, as_text(cells, self.source.where(name)))
            blank = pc.equal(text, "")
            texts.append(pc.if_else(blank, pa.scalar(None, pa.string()), text))
        whole, *others = texts
        for text in others:
            # Joined in pairs: Arrow's own skipping of nulls loses rows that are null throughout.
            both = pc.binary_join_element_wise(whole, text, spec.separator)
            whole = pc.coalesce(both, whole, text)
        column = TextColumn(objects(whole))
        self.found("empty_text", spec, ~column.present)
        return column

    def _clean(
        self, spec: FeatureSpec, texts: pa.ChunkedArray, rows: NDArray[np.int64] | None = None
    ) -> pa.ChunkedArray:
        """Texts as words; what was put right is said in the report. `rows` has the row of each."""
        cleaned = clean_texts(texts)
        for said, places in cleaned.rows.items():
            of = places if rows is None else rows[places]
            named = [str(self.source.ids[row]) for row in of[:MAX_EXAMPLES]]
            self.report.note(self.source.name, f"texts {said}", len(of), named, column=spec.name)
        return cleaned.texts

    def _category(self, spec: FeatureSpec) -> CategoryColumn:
        (name,) = spec.columns
        cells = self.source.cells(name)
        if _is_list(cells):
            raise ShopFileError(
                f"{self.source.where(name)} holds lists; declare {spec.name!r} as kind tags"
            )
        texts = self._clean(spec, as_text(cells, self.source.where(name)))
        codes, vocabulary = _sorted_codes(texts)
        self.found("missing_category", spec, codes < 0)
        return CategoryColumn(codes, vocabulary)

    def _tags(self, spec: FeatureSpec) -> TagsColumn:
        if len(spec.columns) > 1:
            return self._flags(spec)
        (name,) = spec.columns
        rows, tags = self.split(spec, name, words=True)
        codes, vocabulary = _sorted_codes(tags)
        kept = codes >= 0
        width = max(len(vocabulary), 1)
        pairs = np.sort(rows[kept] * width + codes[kept])
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        return _tags(pairs // width, pairs % width, len(self.source.ids), vocabulary)

    def split(
        self, spec: FeatureSpec, name: str, *, words: bool = False
    ) -> tuple[NDArray[np.int64], pa.ChunkedArray]:
        """The parts of every cell, with the row that each is from; cleaned where they are words."""
        cells, where = self.source.cells(name), self.source.where(name)
        if not _is_list(cells):
            texts = as_text(cells, where)
            # Entities may hold what separates; what separates may be of no width.
            first = words and spec.separator.isprintable()
            texts = self._clean(spec, texts) if first else texts
            rows, parts = split_cells(texts, spec.separator, spec.levels)
            if words:
                parts = pc.utf8_trim_whitespace(parts) if first else self._clean(spec, parts, rows)
            return rows, parts
        lists = _list_text(cells, where)
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
        rows, parts = np.repeat(np.arange(len(lengths)), lengths), pc.list_flatten(lists)
        parts = self._clean(spec, parts, rows) if words else parts
        if spec.levels:
            of, parts = split_cells(parts, "\x00", spec.levels)
            rows = rows[of]
        return rows, parts

    def _flags(self, spec: FeatureSpec) -> TagsColumn:
        flags = np.zeros((len(self.source.ids), len(spec.columns)), bool)
        order = np.argsort(np.array(spec.columns, dtype=object))
        for place, column in enumerate(order):
            name = spec.columns[column]
            codes, texts = encode(pc.fill_null(as_text(self.source.cells(name), name), ""))
            known = []
            for text in texts.to_pylist():
                if text.strip().lower() not in _FLAGS:
                    raise ShopFileError(
                        f"{self.source.where(name)}: tags from several columns need flags of 0 and "
                        f"1, but {text!r} was found; for tags spelled in one column use `column`"
                    )
                known.append(_FLAGS[text.strip().lower()])
            if known:
                flags[:, place] = np.array(known, bool)[codes]
        rows, tags = np.nonzero(flags)
        vocabulary = np.array(spec.columns, dtype=object)[order]
        return _tags(rows, tags, len(flags), vocabulary)

    def _number(self, spec: FeatureSpec) -> NumberColumn:
        (name,) = spec.columns
        cells = _yes_and_no(self.source.cells(name))
        read = parse_amounts(cells, self.source.where(name), self.source.decimal)
        for said in read.notes:
            self.report.note(self.source.name, said, column=spec.name)
        values, infinite = self._finite(read.values)

        def shown(row: int) -> str:
            return _cell(cells, row)

        missing = np.isnan(values) & ~infinite & ~read.unclear
        self.found("nan_numbers", spec, missing, shown)
        self.found("unclear_numbers", spec, read.unclear, shown, UNCLEAR)
        if self.found("mixed_currencies", spec, read.foreign, shown) != "keep":
            values[read.foreign] = np.nan
        self.found("infinite_numbers", spec, infinite, shown)
        return NumberColumn(values)

    @staticmethod
    def _finite(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float32], Mask]:
        with np.errstate(over="ignore"):
            values = numbers.astype(np.float32)
        infinite = np.isinf(values)
        values[infinite] = np.nan
        return values, infinite

    def _vector(self, spec: FeatureSpec) -> VectorColumn:
        if spec.path is not None:
            values, present = self._vector_file(spec)
        elif len(spec.columns) == 1 and _is_list(self.source.cells(spec.columns[0])):
            values, present = self._vector_lists(spec)
        else:
            # Vectors are written by programs, whose decimal mark is a dot.
            decimal = self.source.decimal or "."
            numbers = [
                parse_amounts(self.source.cells(c), self.source.where(c), decimal).values
                for c in spec.columns
            ]
            with np.errstate(over="ignore"):
                values = np.stack(numbers, axis=1).astype(np.float32)
            present = np.asarray(np.isfinite(values).all(axis=1))
        if not present.all():
            values = np.array(values)
            values[~present] = 0
        self.found("bad_vectors", spec, ~present)
        return VectorColumn(values, present)

    def _vector_file(self, spec: FeatureSpec) -> tuple[NDArray[np.float32], Mask]:
        path = self.source.root / str(spec.path)
        key = f"{self.source.shop}: {self.source.name}.features.{spec.name}.path"
        try:
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ShopFileError(f"{key}: cannot read {path} as .npy: {error}") from error
        if not isinstance(stored, np.ndarray) or stored.ndim != 2 or stored.dtype.kind not in "fiu":
            got = (
                f"{stored.dtype} {stored.shape}" if isinstance(stored, np.ndarray) else "an archive"
            )
            raise ShopFileError(f"{key}: {path} must hold numbers [rows, dimensions], got {got}")
        rows = self._vector_rows(spec, key, len(stored))
        known = rows >= 0
        same = len(stored) == len(rows) and bool((rows == np.arange(len(rows))).all())
        share = same and stored.dtype == np.float32
        values = stored if share else np.zeros((len(rows), stored.shape[1]), np.float32)
        present = known.copy()
        for start in range(0, len(rows), _VECTOR_BLOCK):
            block = np.flatnonzero(known[start : start + _VECTOR_BLOCK]) + start
            with np.errstate(over="ignore"):
                read = stored[rows[block]].astype(np.float32)
            present[block] = np.isfinite(read).all(axis=1)
            if not share:
                values[block] = read
        return values, present

    def _vector_rows(self, spec: FeatureSpec, key: str, n_stored: int) -> NDArray[np.int64]:
        """The row of the vector file for every row of the table, -1 where there is none."""
        if spec.rows == "table":
            if n_stored != self.source.n_read:
                raise ShopFileError(
                    f"{key}: {spec.path} has {n_stored:,} rows but {self.source.file} has "
                    f"{self.source.n_read:,}; they must match, in order. If a row of it is the "
                    "integer that the id spells, say `rows: id`"
                )
            return self.source.positions
        texts = pa.array(self.source.ids, pa.string())
        spelled = pc.match_substring_regex(texts, r"^[0-9]{1,18}$")
        if len(texts) and not pc.any(spelled).as_py():
            raise ShopFileError(
                f"{key}: with `rows: id` the ids must be integers (the row of {spec.path}), got "
                f"{self.source.ids[0]!r}"
            )
        numbers = pc.if_else(spelled, texts, "-1").cast(pa.int64()).to_numpy()
        return np.where(numbers < n_stored, numbers, -1)

    def _vector_lists(self, spec: FeatureSpec) -> tuple[NDArray[np.float32], Mask]:
        (name,) = spec.columns
        cells, where = self.source.cells(name), self.source.where(name)
        lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy().astype(np.int64)
        sizes, counts = np.unique(lengths[lengths > 0], return_counts=True)
        if not len(sizes):
            raise ShopFileError(f"{where} holds no vector")
        size = int(sizes[counts.argmax()])
        with np.errstate(over="ignore"):
            flat = as_numbers(pc.list_flatten(cells), where).astype(np.float32)
        right = lengths == size
        values = np.zeros((len(lengths), size), np.float32)
        values[right] = flat[np.repeat(right, lengths)].reshape(-1, size)
        return values, right & np.isfinite(values).all(axis=1)


def _yes_and_no(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cells, 1 and 0 where all are `true` and `false` in whatever letters."""
    if not pa.types.is_string(cells.type):
        return cells
    filled = next((one for one in cells if one.as_py()), None)
    if filled is None or filled.as_py().strip().lower() not in ("true", "false"):
        return cells
    small = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    if not set(pc.unique(small).to_pylist()) <= {"true", "false", "", None}:
        return cells
    return pc.if_else(pc.equal(small, "true"), "1", pc.if_else(pc.equal(small, "false"), "0", ""))


def _is_list(cells: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_list(cells.type))


def _list_text(cells: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Lists of anything as lists of text."""
    chunks = []
    for chunk in cells.chunks:
        values = as_text(pa.chunked_array([chunk.flatten()]), where).combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
        values = values if isinstance(values, pa.Array) else pa.concat_arrays(values.chunks)
        chunks.append(pa.ListArray.from_arrays(pa.array(offsets), pc.fill_null(values, "")))
    return pa.chunked_array(chunks, pa.list_(pa.string()))


def _sorted_codes(texts: pa.ChunkedArray) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """Codes into the sorted distinct texts; -1 for null and for text of white space alone."""
    codes, found = encode(texts)
    blank = pc.equal(pc.utf8_trim_whitespace(found), "").to_numpy(zero_copy_only=False)
    words = objects(found)
    order = sorted(np.flatnonzero(~blank.astype(bool)).tolist(), key=lambda code: words[code])
    # The last entry is what a code of -1 reads.
    renumbered = np.full(len(words) + 1, -1, np.int32)
    renumbered[order] = np.arange(len(order), dtype=np.int32)
    return renumbered[codes], words[order]


def _tags(
    rows: NDArray[np.int64], tags: NDArray[np.int64], n: int, vocabulary: NDArray[np.object_]
) -> TagsColumn:
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=n), out=offsets[1:])
    return TagsColumn(tags.astype(np.int32), offsets, vocabulary)


def _cell(cells: pa.ChunkedArray, row: int) -> str:
    return repr(cells[row].as_py())
