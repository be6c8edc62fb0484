"""The network of a ranker: a list of blocks over the features of an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.config import NetworkConfig
from tfmm.tasks.ranking.network import features, history
from tfmm.tasks.ranking.network.flow import Block, Flow

BLOCKS: dict[str, type[Block]] = {
    "linear": features.Linear,
    "fm": features.FM,
    "dot": features.Dot,
    "cross": features.Cross,
    "deep": features.Deep,
    "history": history.History,
    "target_attention": history.Attention,
    "multimodal_rnn": history.Recurrent,
    "mixture_of_experts": features.Experts,
    "progressive_experts": features.Progressive,
}
#: The blocks of each preset; its deep networks take `hidden` and `dropout` of the section.
PRESETS: dict[str, tuple[str, ...]] = {
    "linear": ("linear",),
    "fm": ("linear", "fm"),
    "deepfm": ("linear", "fm", "deep"),
    "dcn": ("cross", "deep"),
    "dlrm": ("dot", "deep"),
    "din": ("target_attention", "deep"),
    "multimodal_rnn": ("multimodal_rnn", "deep"),
}


def blocks_of(config: NetworkConfig) -> list[dict[str, Any]]:
    """The blocks of a configuration, each as `{name: …, …its arguments}`.

    Raises:
        RunFileError: a preset or block that there is not, with the nearest, or experts that are
            not the last block.
    """
    if config.preset not in PRESETS:
        raise RunFileError(f"`network.preset`: {unknown('preset', config.preset, list(PRESETS))}")
    listed: Sequence[Any] = PRESETS[config.preset] if config.blocks is None else config.blocks
    blocks = []
    for one in listed:
        block = dict(one) if isinstance(one, Mapping) else {"name": one}
        if block.get("name") not in BLOCKS:
            name = str(block.get("name"))
            raise RunFileError(f"`network.blocks`: {unknown('block', name, list(BLOCKS))}")
        if config.blocks is None and block["name"] == "deep":
            block |= {"hidden": config.hidden, "dropout": config.dropout}
        blocks.append(block)
    if not blocks:
        raise RunFileError("`network.blocks` must name one block at least, got none.")
    for block in blocks[:-1]:
        if issubclass(BLOCKS[block["name"]], features.Experts):
            raise RunFileError(
                f"`network.blocks`: {block['name']} must be the last block, since it reads all and "
                "gives each label its own."
            )
    if all(BLOCKS[block["name"]].historic for block in blocks):
        raise RunFileError(
            "`network.blocks` has blocks over the history alone, which add a feature each: name "
            "one that reads features after them, such as deep or linear."
        )
    return blocks


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Network(tf.keras.layers.Layer):
    """Blocks, then a linear head for each label over all that they gave.

    Args:
        blocks: as `blocks_of` gives them.
        dim: length of a feature's vector.
        labels: how many there are.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        RunFileError: an argument that a block does not take.
    """

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Any]],
        dim: int,
        labels: int,
        *,
        name: str = "network",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        # Past Keras, which would wrap what is not a layer.
        self.__dict__["given"] = {"blocks": [*map(dict, blocks)], "dim": dim, "labels": labels}
        self.blocks = []
        for place, block in enumerate(blocks):
            options = {key: value for key, value in block.items() if key != "name"}
            try:
                made = BLOCKS[block["name"]](dim, labels, f"{place}_{block['name']}", **options)
            except (TypeError, ValueError) as error:
                raise RunFileError(f"`network.blocks`: {block['name']}: {error}") from error
            self.blocks.append(made)
        # Zeros: what an untrained network says is what its heads begin with.
        self.heads = [
            tf.keras.layers.Dense(1, kernel_initializer="zeros", name=f"head_{n}")
            for n in range(labels)
        ]

    def call(self, flow: Flow, training: bool = False) -> tf.Tensor:
        """A score of each label, float32 `[B, L]`; untrained, what the heads begin with."""
        for block in self.blocks:
            flow = block(flow, training=training)
        labels = len(self.heads)
        own = flow.own or [tf.zeros([tf.shape(flow.numbers)[0], 0])] * labels
        read = [tf.concat([*flow.found, one], axis=1) for one in own]
        return tf.concat([head(one) for head, one in zip(self.heads, read, strict=True)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | self.given


def reads_history(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any block reads what a shopper met before."""
    return any(BLOCKS[block["name"]].historic for block in blocks)
