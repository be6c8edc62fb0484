"""What shoppers dislike is left out of their answers, offline and served."""

import pandas as pd
import tensorflow as tf
import yaml

from tests.conftest import write_shop
from tfmm.tasks.retrieval.recommend import recommend
from tfmm.tasks.retrieval.serve import servable_of
from tfmm.training import train


def test_disliked_items_are_not_answered(tmp_path):
    file = write_shop(tmp_path / "shop", items=12, users=20)
    shop = yaml.safe_load(file.read_text())
    table = file.parent / shop["events"]["table"]
    events = pd.read_csv(table, dtype=str)
    events["score"] = "1"
    own, item = shop["events"]["user"], shop["events"]["item"]
    user = events[own][0]
    taken = set(events[events[own] == user][item])
    disliked = sorted(set(events[item]) - taken)[:3]
    rows = [{**events.iloc[0].to_dict(), item: one, "score": "-1"} for one in disliked]
    pd.concat([events, pd.DataFrame(rows)]).to_csv(table, index=False)
    for key in ("type", "weights"):
        shop["events"].pop(key, None)
    shop["events"].update(rating="score", disliked="exclude")
    file.write_text(yaml.safe_dump(shop))
    config = {"name": "t", "shop": str(file), "train": {"epochs": 1}, "evaluate": {"repeats": True}}
    run = train(config, tmp_path / "run")
    offline = set(recommend(run, [user], k=12)["item_id"])
    assert not offline & set(disliked)
    assert taken <= offline  # `repeats`: what was bought is answered again
    answer = servable_of(run, k=12).serving_default(tf.constant([user]))
    served = {one.decode() for one in answer["item_id"].numpy().ravel().tolist()} - {""}
    assert served
    assert not served & set(disliked)
