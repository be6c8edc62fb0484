"""Export a run for search, and ask the written version by words and by a picture.

python export/search.py RUN MODELS [--picture FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfmm.export import export_model
from tfmm.training import load_run


def main() -> None:
    """Exports RUN into MODELS and prints what one title (and one picture) finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder that `tfmm train` wrote")
    parser.add_argument("models", help="the folder that a server serves models from")
    parser.add_argument("--picture", type=Path, help="a picture to search by too")
    arguments = parser.parse_args()

    run = load_run(arguments.run)
    if run.model.alignment is None:
        raise SystemExit(
            f"{arguments.run} cannot be searched: its run file names no `search.queries`. To "
            "resolve this, add `search: {queries: {TITLE: subwords}}` and train again."
        )
    version = export_model(
        run,
        arguments.models,
        name=None,  # the run's own name; the model's name in URLs and requests
        k=48,  # items in every answer: a page of hits
        exclude_size=16,  # ids that a request may exclude: what is out of stock
        allow_size=16,  # `feature=value` terms that a request may filter by
    )
    print(f"Wrote {version}; its numbers are in {version / 'model_card.md'}")

    # From here on nothing of tfmm is needed: this is what a server does. Only a run whose texts are
    # read by `minilm`, `bert` or `hub` needs TensorFlow Text's ops, which TensorFlow Serving has.
    import tensorflow as tf

    signatures = tf.saved_model.load(str(version)).signatures
    nothing = {"exclude": tf.fill([1, 16], ""), "allow": tf.fill([1, 16], "")}
    title = next(name for name, one in run.model.alignment.queries.items() if one.kind == "text")
    words = str(run.data.items.features[title].values[0])
    show(f"{words!r} finds", signatures["search_text"](text=tf.constant([words]), **nothing))
    if arguments.picture:
        image = tf.constant([arguments.picture.read_bytes()])
        show("The picture finds", signatures["search_image"](image=image, **nothing))
        both = signatures["search_mixed"](image=image, text=tf.constant([words]), **nothing)
        show("Both find", both)


def show(title: str, answer: dict) -> None:
    """Prints the first hits of an answer."""
    print(f"{title}:")
    for item, score in zip(answer["item_id"][0][:10].numpy(), answer["score"][0], strict=False):
        print(f"  {item.decode()}  {score:.3f}")


if __name__ == "__main__":
    main()
