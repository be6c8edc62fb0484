"""The model of a catalogue: an item tower, and what its items can be asked by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfmm.config import Section
from tfmm.data.batches.aligned import QueryColumns, aligned_batches
from tfmm.data.batches.pipeline import FeatureColumns, row_batches
from tfmm.data.catalog import Catalog
from tfmm.data.progress import progress
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.layers.content import Content, build_content
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.config import from_keywords
from tfmm.tasks.items.config import ItemsConfig
from tfmm.tasks.model import Model
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.config import SearchConfig
from tfmm.tasks.search.queries import make_alignment, query_states


class ItemVectors(Model):
    """Vectors of items, and of the words, pictures and sounds that ask for them.

    Args:
        item_tower: the item tower.
        items: encoder inputs of the catalogue.
        alignment: query towers in the space of the items, with their loss.
        queries: what these query towers read.
        name: Keras's name of the model.

    Raises:
        ValueError: for `alignment` without `queries`.
    """

    def __init__(
        self,
        item_tower: ItemTower,
        items: FeatureColumns,
        *,
        alignment: Alignment | None = None,
        queries: QueryColumns | None = None,
        name: str = "items",
    ) -> None:
        super().__init__(name=name)
        if (alignment is None) != (queries is None):
            raise ValueError("Give `alignment` and `queries` together, or neither.")
        self.item_tower, self.items = item_tower, items
        self.alignment, self.queries = alignment, queries
        # Past Keras, which would track it as a part of the checkpoint.
        self.__dict__["_hubs"] = None
        self._item_step = tf.function(self.item_tower, reduce_retracing=True)
        self._query_step = {
            feature: tf.function(tower, reduce_retracing=True)
            for feature, tower in (alignment.queries if alignment else {}).items()
        }
        self._create_items()

    @property
    def reads(self) -> list[str]:
        """The item features that the model reads."""
        return list(self.items.columns)

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        found: dict[str, tf.keras.layers.Layer] = {"item_tower": self.item_tower}
        return found if self.alignment is None else {**found, "alignment": self.alignment}

    def states(self) -> dict[str, Any]:
        found = states_of({"items": self.item_tower.content})
        if self.alignment is not None:
            found["queries"] = dict(query_states(self.alignment.queries))
        return found

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        found: list[tuple[tf.Variable, Sequence[str]]] = [(self.item_tower.known, tables["items"])]
        found += tower_rows(self.item_tower, tables["items"])
        for _, encoder in self.encoders():
            found += [(getattr(encoder, at), n) for at, n in encoder.vocabularies().items()]
        return found

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        yield from (self.item_tower.content.encoders if self.item_tower.content else {}).items()
        for name, query in (self.alignment.queries if self.alignment else {}).items():
            yield from ((name, encoder) for encoder in query.encoders)

    def search_loss(self, batch: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of the query towers on a batch of items with what they can be asked by."""
        assert self.alignment is not None
        shown = {**batch, "present": self.alignment.show(batch["present"])}
        vectors, _ = self.item_tower(shown, training=training)
        return self.alignment(vectors, batch, training=training)

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """Vectors of a batch of item rows, see `ItemTower.call`."""
        return self.item_tower(inputs, training=training)[0]

    def item_vectors(
        self, batch_size: int = 1024, mask: str | None = None, refresh: bool = True
    ) -> np.ndarray:
        """The vectors of the whole catalogue.

        Args:
            batch_size: items encoded at a time.
            mask: a feature that is treated as missing everywhere.
            refresh: encode heavy features anew; False takes the vectors encoded last.

        Returns:
            float32 `[n_items, dim]`, in the order of the catalogue.
        """
        return self._encode_items(batch_size, mask, refresh)[0]

    def item_modality_weights(self, batch_size: int = 1024) -> np.ndarray:
        """The fusion weights of each item: float32 `[n_items, M]`, M features in the order of
        `items.columns`; 0 where an item lacks the feature."""
        return self._encode_items(batch_size, None, False)[1]

    def modality_weights(self, batch_size: int = 1024) -> dict[str, float]:
        """Mean fusion weight of each feature over the items that have it."""
        weights = self.item_modality_weights(batch_size)
        return {
            name: float(weights[self.items.present[:, m], m].mean())
            for m, name in enumerate(self.items.columns)
            if self.items.present[:, m].any()
        }

    @property
    def learned(self) -> Self:
        """The model itself: nothing is blended with it, see `Blend`."""
        return self

    @property
    def hubs(self) -> np.ndarray | None:
        """Vectors of training queries float32 `[Q, dim]`, which hubs are found by."""
        return self._hubs

    def keep_hubs(self, queries: np.ndarray | None) -> None:
        """Keeps vectors of training queries, see `tfmm.tasks.search.hubness`."""
        self.__dict__["_hubs"] = queries

    def query_vectors(
        self, feature: str, rows: np.ndarray | None = None, batch_size: int = 1024
    ) -> np.ndarray:
        """The vectors of what items can be asked by, such as their titles.

        Args:
            feature: a feature with a query tower.
            rows: item rows; all by default.
            batch_size: rows encoded at a time.

        Returns:
            float32 `[n, dim]`.

        Raises:
            ValueError: the model has no query tower for `feature`.
        """
        towers = self.alignment.queries if self.alignment else {}
        if feature not in towers or self.queries is None:
            raise ValueError(
                f"The model has no query tower for {feature!r}; it has "
                f"{', '.join(towers) or 'none'}."
            )
        rows = np.arange(self.item_tower.rows) if rows is None else np.asarray(rows)
        columns = self.queries.columns[feature]
        out = np.empty((len(rows), self.item_tower.dim), np.float32)
        starts = range(0, len(rows), batch_size)
        for start in progress(starts, len(starts), f"encoding queries by {feature}"):
            part = rows[start : start + batch_size]
            inputs = [tf.constant(column[part]) for column in columns]
            out[start : start + len(part)] = self._query_step[feature](inputs).numpy()
        return out

    def _create_items(self) -> None:
        """Runs one item and one query through the towers, so that all their variables exist."""
        row = np.zeros(1, np.int32)
        batch = next(row_batches(row, self.items, self.items.light, 1))
        batch["encode"] = {
            name: {"at": row, "inputs": tf.constant(self.items.columns[name][:1])}
            for name in self.items.budgets
        }
        self.item_tower(batch)
        for feature in self.alignment.queries if self.alignment else ():
            self.query_vectors(feature, row)

    def _encode_items(
        self, batch_size: int, mask: str | None, refresh: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if mask is not None and mask not in self.items.columns:
            raise ValueError(
                f"There is no feature {mask!r} to mask; the model reads "
                f"{', '.join(self.items.columns) or 'none'}."
            )
        content = self.item_tower.content
        everything = np.arange(self.item_tower.rows)
        if content is not None and refresh:
            for name in content.heavy:
                self._fill_bank(content, name, everything, batch_size)
        vectors = np.empty((len(everything), self.item_tower.dim), np.float32)
        weights = np.zeros((len(everything), len(self.items.columns)), np.float32)
        start = 0
        shown = np.array([name != mask for name in self.items.columns], bool)
        inputs = dataclasses.replace(self.items, present=self.items.present & shown)
        batches = row_batches(everything, inputs, inputs.light, 8 * batch_size)
        for batch in _told(batches, len(everything), "encoding items"):
            stop = start + len(batch["items"])
            part = self._item_step(batch)
            vectors[start:stop], weights[start:stop] = part[0].numpy(), part[1].numpy()
            start = stop
        return vectors, weights

    def _fill_bank(self, content: Content, name: str, rows: np.ndarray, batch_size: int) -> None:
        batches = row_batches(rows, self.items, [name], batch_size)
        for batch in _told(batches, len(rows), f"encoding {name}"):
            vectors = content.encode[name](batch["features"][name], training=False)
            content.remember(name, batch["items"], vectors)


def _told(batches: Iterable[Any], total: int, description: str) -> Iterator[Any]:
    """Batches of items, with a bar where they take long."""
    return progress(
        batches, total, description, unit="items", size=lambda batch: len(batch["items"])
    )


class ItemModel(ItemVectors):
    """Vectors of items, and of the words, pictures and sounds that ask for them.

    Trained by the loss of its `Alignment` alone; `tfmm.TwoTower` has shoppers beside it.

    ```python
    shop = tfmm.load("shop.yaml")
    model = tfmm.ItemModel.from_data(shop, encoders={"photo": "cnn"}, queries={"title": "subwords"})
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    model.fit(model.batches(np.arange(len(shop.items)), batch_size=512), epochs=5)
    scores = model.query_vectors("title", [0]) @ model.item_vectors().T  # [1, items]
    ```

    See `ItemVectors` for the arguments.
    """

    @classmethod
    def from_data(
        cls,
        data: ShopData,
        *,
        cache: str | Path | None = None,
        states: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> ItemModel:
        """A model whose encoders are adapted to the catalogue.

        Args:
            data: what `tfmm.load` returned.
            cache, states: see `item_model`.
            **config: keys of the sections `items` and `search` of a run file: `encoders`, `fusion`,
                `dim`, `modality_dropout`, `budget`; `queries`, `heads`, `loss`, `temperature` and
                `hide`.

        Raises:
            ValueError: for a key, feature, encoder or fusion that does not exist, with the nearest
                one named.
        """
        found = from_keywords(ItemModelConfig, KEYWORDS, config, "ItemModel.from_data")
        return item_model(data, found.search.queries or {}, found, cache=cache, states=states)

    def batches(self, rows: Any, batch_size: int = 512, **options: Any) -> tf.data.Dataset:
        """Batches for `fit`, see `tfmm.data.batches.aligned.aligned_batches` for the options.

        Args:
            rows: int `[n]`, the items to learn from.
            batch_size: items a batch, which are each other's negatives.
            **options: see above.

        Raises:
            ValueError: fewer than two rows, sizes out of range, or a model that does not search.
        """
        if self.queries is None:
            raise ValueError(
                "There is nothing to learn from: the model has no query towers (`queries`)."
            )
        return aligned_batches(rows, self.items, self.queries, batch_size=batch_size, **options)

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `tfmm.data.batches.aligned.aligned_batches`, a scalar."""
        return self.search_loss(inputs, training)


class ItemModelConfig(Section):
    """The sections of a run file that make a model."""

    items: ItemsConfig = ItemsConfig()
    search: SearchConfig = SearchConfig()


#: What `from_data` takes, and which key of a run file each sets.
KEYWORDS = {
    **{name: f"items.{name}" for name in ItemsConfig.model_fields},
    **{name: f"search.{name}" for name in ("queries", "heads", "loss", "temperature", "hide")},
}


def item_model(
    data: ShopData,
    queries: Mapping[str, Any],
    config: Any,
    *,
    cache: str | Path | None = None,
    states: Mapping[str, Any] | None = None,
) -> ItemModel:
    """An `ItemModel` as the sections of a run file say.

    Args:
        data: the shop's data.
        queries: query towers by feature, see `tfmm.tasks.search.queries.make_queries`.
        config: its sections `items` and `search`.
        cache: folder where decoded pictures and the vectors of frozen encoders are kept.
        states: what the encoders learned in an earlier run (`Model.states`), in place of `data`.
    """
    states, folder = states or {}, Path(cache) if cache else None
    items, search = config.items, config.search
    content, inputs = item_content_of(
        data.items, items, heads=search.heads, states=states.get("items"), cache=folder
    )
    alignment, asked = make_alignment(
        data.items, queries, search, dim=items.dim, cache=folder, states=states.get("queries")
    )
    tower = ItemTower(len(data.items), items.dim, content=content, id=False, heads=search.heads)
    return ItemModel(tower, inputs, alignment=alignment, queries=asked)


def item_content_of(
    catalog: Catalog,
    items: ItemsConfig,
    *,
    heads: int,
    states: Mapping[str, Any] | None,
    cache: Path | None,
) -> tuple[Content | None, FeatureColumns]:
    """The modalities of an item tower, see `build_content`."""
    return build_content(
        catalog,
        items.encoders,
        fusion=items.fused_by,
        dim=items.dim,
        heads=heads,
        budget=items.budget,
        states=states,
        cache=cache,
        name="item_content",
    )


def states_of(contents: Mapping[str, Content | None]) -> dict[str, Any]:
    """What the encoders of some tables' contents learned, as JSON values."""
    return {
        table: {name: encoder.state() for name, encoder in content.encoders.items()}
        for table, content in contents.items()
        if content is not None
    }


def tower_rows(
    tower: ItemTower | UserTower, names: Sequence[str]
) -> list[tuple[tf.Variable, Sequence[str]]]:
    """The variables of a tower with a row for each of some strings, and these strings."""
    found: list[tuple[tf.Variable, Sequence[str]]] = []
    if tower.id:
        found.append((tower.id_embedding, names))
    if tower.content is not None:
        banks = (*tower.content.banks.values(), *tower.content.filled.values())
        found += [(bank, names) for bank in banks]
    return found
