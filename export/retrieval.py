"""Export a run for retrieval, and ask the written version once.

python export/retrieval.py RUN MODELS
"""

from __future__ import annotations

import argparse

from tfmm.export import export_model
from tfmm.training import load_run


def main() -> None:
    """Exports RUN into MODELS and prints what one shopper is recommended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder that `tfmm train` wrote")
    parser.add_argument("models", help="the folder that a server serves models from")
    arguments = parser.parse_args()

    run = load_run(arguments.run)
    version = export_model(
        run,
        arguments.models,
        name=None,  # the run's own name; the model's name in URLs and requests
        k=100,  # items in every answer; a client may show fewer, never more
        exclude_seen=True,  # False where buying again is common, as for groceries
        # Requests are padded to these widths, so wider ones cost every request a little.
        exclude_size=64,  # ids that a request may exclude: the cart, what is out of stock
        allow_size=16,  # `feature=value` terms that a request may filter by
        history_size=None,  # items of a session that count: as many as in training
    )
    print(f"Wrote {version}; its numbers are in {version / 'model_card.md'}")

    # From here on nothing of tfmm is needed: this is what a server does.
    import tensorflow as tf

    recommend = tf.saved_model.load(str(version)).signatures["recommend"]
    user = run.data.users.ids[0] if len(run.data.users) else "somebody new"
    answer = recommend(
        user_id=tf.constant([user]),
        exclude=tf.constant([[run.data.items.ids[0]] + [""] * 63]),
        allow=tf.constant([[""] * 16]),
    )
    print(f"For {user}:")
    for item, score in zip(answer["item_id"][0][:10].numpy(), answer["score"][0], strict=False):
        print(f"  {item.decode()}  {score:.3f}")


if __name__ == "__main__":
    main()
