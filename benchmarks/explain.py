"""Whether the reasons that `explain` gives are what recommendations hang on, by deletion.

    TFMM_DATA=data python benchmarks/explain.py

Models are trained on all parts as `tfmm train` does. Every shopper with two items at least is asked
why the first item of their recommendations is recommended; then the first reason is deleted from
their history, or in its place another item of it, drawn at random, and the score is computed anew
with item vectors and priors as they were. `agrees` is the share of shoppers whose score the first
reason's deletion lowers more; `first` and `random` are the mean falls as shares of the score's
size; `history` and `popular now` the mean shares that are told; `with a path` the share of first
reasons that have something in common with the item, which is named. Writes `results/explain.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
import tensorflow as tf
import yaml

from tfmm.tasks.retrieval.serve import servable_of
from tfmm.training import load_run, train

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
#: The run file and the histories of each row.
MODELS = (
    ("ml100k_kg", "mean"),
    ("ml100k", "mean"),
    ("ml100k", "gru"),
    ("ml100k", "self_attention"),
    ("ml100k", "causal"),
)


def measured(name: str, history: str, epochs: int, folder: Path) -> dict[str, Any]:
    """A row of the table."""
    config = yaml.safe_load((EXAMPLES / name / "run.yaml").read_text("utf-8"))
    config["shop"] = str(EXAMPLES / name / "shop.yaml")
    config["users"] = {**config.get("users", {}), "history": history}
    config["train"] = {**config.get("train", {}), "epochs": epochs}
    config["evaluate"] = {"baselines": []}
    file = folder / f"{name}_{history}.yaml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    run = load_run(train(file, folder / file.stem).path)
    pairs, data = run.task.pairs, run.data
    model = run.model.as_of(pairs)
    vectors = model.item_vectors()
    servable = servable_of(run, k=1)
    users = np.flatnonzero(pairs.user_counts() > 1)
    items, told = [], []
    for some in np.array_split(users, len(users) // 64 + 1):
        ids = tf.constant(data.users.ids[some].tolist())
        items.append(servable.serving_default(ids)["item_id"][:, 0])
        told.append(servable.explain(ids, items[-1]))
    answer = {key: np.concatenate([one[key] for one in told]) for key in told[0]}
    asked = _rows(data.items, np.concatenate(items))
    first = _rows(data.items, answer["reason_item_id"][:, 0])
    users, asked, first = (one[first >= 0] for one in (users, asked, first))

    def scores(without: np.ndarray) -> np.ndarray:
        """Each user's score of their item, without an item of their history."""
        gone = np.full(pairs.n_users, -1)
        gone[users] = without
        kept = pairs.subset(pairs.item != gone[pairs.user])
        return np.sum(model.user_vectors(kept, users, vectors) * vectors[asked], axis=1)

    rng = np.random.default_rng(1)
    own = {user: pairs.item[pairs.user == user] for user in users}
    other = np.array(
        [rng.choice(own[u][own[u] != one]) for u, one in zip(users, first, strict=True)]
    )
    whole = scores(np.full(len(users), -1))
    falls = [(whole - scores(one)) / np.abs(whole) for one in (first, other)]
    blended = "" if model.linear is None else f"{model.linear.scale} × {model.linear.weight:.3g}"
    return {
        "shop": name,
        "history": history,
        "linear part": blended,
        "shoppers": len(users),
        "agrees": f"{np.mean(falls[0] > falls[1]):.3f}",
        "first": f"{np.mean(falls[0]):.4f}",
        "random": f"{np.mean(falls[1]):.4f}",
        "history's share": f"{answer['history_share'].mean():.3f}",
        "popular now": f"{answer['prior_share'].mean():.3f}",
        "with a path": f"{np.mean(answer['reason_value'][:, 0] != b''):.3f}",
    }


def _rows(items: Any, ids: np.ndarray) -> np.ndarray:
    return np.asarray(items.rows(np.array([one.decode() for one in ids], object)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    common.data_folder()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            rows.append(measured(*model, asked.epochs, Path(folder)))
            common.report("explain", rows, {"epochs": asked.epochs})


if __name__ == "__main__":
    main()
