"""The `graph` section of a run file: which edges there are, and how messages pass along them."""

from __future__ import annotations

from pydantic import Field

from tfmm.config import Listed, Section


class GraphConfig(Section):
    """A graph model. The section's presence in a run file selects it, all of it has defaults."""

    propagation: str = "lightgcn"
    """`lightgcn` (weighted sums) or `gcn` (weights and activation for each type of edge)."""
    layers: int = 2
    """Rounds of messages between users, items and attributes; 0 leaves the edges between items.
    Users without an id embedding have nothing to say in the first round: what they pass on from
    item to item takes two."""
    activation: str = "tanh"
    """Of `gcn`."""
    types: bool = True
    """Whether each type of event (view, cart, buy) has edges of its own."""
    similar: Listed[str] | None = None
    """Features by whose frozen vectors items are joined with their nearest; by default all that
    have such: text, given vectors, and whatever a frozen encoder reads."""
    neighbours: int = 10
    """Nearest items of an item, for each of `similar`."""
    together: int = 20
    """Items joined with an item because the same users bought them; 0 leaves these edges out."""
    shrink: float = 10.0
    """Added to the denominator of the cosine that `together` ranks by."""
    attributes: Listed[str] = ()
    """Categories and tags whose values are nodes of the graph."""
    knowledge: str = "attention"
    """How the shop's `knowledge` is passed on, where it has some: `attention` (by relation, as in
    KGAT), `rgcn` (a matrix for each relation), or `none`."""
    knowledge_layers: int = 2
    """Rounds of messages along it: after two an item has heard of those that share something with
    it."""
    bases: int = 4
    """Matrices that the matrices of relations are mixtures of."""
    mix: str = "fixed"
    """Whether the weights of the types of edges are `learned` or stay `fixed`."""
    weights: dict[str, float] = Field(default_factory=dict)
    """The weights to begin with, by type of edge (`events/buy`, `similar/photo`, `has/brand`) or by
    what comes before its slash (which multiplies the weights of these): by default types of events
    share 1 by the shop file's weights, and every other type has 1."""
    join: str = "sum"
    """How an item's content and id come together: `sum`, `gate` or `concat`."""
    loss: str = "softmax"
    """`softmax` (in-batch, see `train.log_q`) or `bpr`."""
    mode: str = "auto"
    """`full` passes messages over the whole graph at every step, `sampled` around the items of the
    batch; `auto` is full where `memory` allows it."""
    fanout: int = 5
    """Neighbours drawn of a node along each type of edge, when sampled."""
    memory: float = 4.0
    """GiB that a step over the whole graph may take."""
