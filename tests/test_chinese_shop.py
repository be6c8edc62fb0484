"""A shop in Chinese, with ids of every kind, from its tables to answers over gRPC and REST."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from PIL import Image

import tfmm
from tfmm.data import load
from tfmm.export import check_stock, export_model, refresh_index
from tfmm.serving import Client, Server
from tfmm.tasks.retrieval.recommend import recommend
from tfmm.training import RunFileError, load_run, train
from tfmm.training.tune import tune

COLOURS = {"红色": (200, 30, 30), "绿色": (30, 160, 40), "蓝色": (30, 50, 200)}
KINDS = ("衬衫", "鞋", "帽子", "外套=厚")
#: Ids of every kind: emoji, accents composed and not, quotes, slashes, spaces, right to left.
ODD = (
    "👗-1",
    "café",
    "cafe\u0301",
    "a/b\\c",
    '它说"好"',
    "' or 1",
    "مرحبا",
    "ß ẞ",
    "１２",
    "%2F&=?#",
)


def write_shop(folder: Path, items: int = 60, users: int = 60) -> Path:
    """Shoppers who each buy things of one colour."""
    rng = np.random.default_rng(0)
    (folder / "图片").mkdir(parents=True)
    colours = [list(COLOURS)[i % 3] for i in range(items)]
    ids = [*ODD, *(f"商品{i:03d}" for i in range(len(ODD), items))]
    for i, colour in enumerate(colours):
        noise = rng.normal(0, 12, (16, 16, 3)) + np.array(COLOURS[colour])
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / "图片" / f"照片 {i}.png")
    pd.DataFrame(
        {
            "编号": ids,
            "标题": [f"{c}{KINDS[i % 4]} 第{i}号" for i, c in enumerate(colours)],
            "照片": [f"照片 {i}" for i in range(items)],
            "类别": [KINDS[i % 4] for i in range(items)],
            "标签": [f"{c}|新品" if i % 2 else c for i, c in enumerate(colours)],
            "价格": [5 + 7.5 * (i % 11) for i in range(items)],
        }
    ).to_csv(folder / "商品.csv", index=False)
    rows = []
    for user in range(users):
        own = [i for i in range(items) if i % 3 == user % 3]
        for step, item in enumerate(rng.choice(own, 9, replace=False)):
            kind = "购买" if step % 2 else "浏览"
            rows.append((f"顾客🙂{user}", ids[item], 1_600_000_000 + 86_400 * step + user, kind))
    pd.DataFrame(rows, columns=["顾客", "编号", "时间", "类型"]).to_csv(
        folder / "事件.csv", index=False
    )
    shop = {
        "items": {
            "table": "商品.csv",
            "id": "编号",
            "features": {
                "名称": {"kind": "text", "columns": ["标题"]},
                "图片": {"kind": "image", "path": "图片/{照片}.png"},
                "类别": {"kind": "category", "column": "类别"},
                "标签": {"kind": "tags", "column": "标签", "separator": "|"},
                "价格": {"kind": "number", "column": "价格"},
            },
        },
        "events": {
            "table": "事件.csv",
            "user": "顾客",
            "item": "编号",
            "time": "时间",
            "type": "类型",
            "weights": {"购买": 2.0, "浏览": 1.0},
        },
    }
    file = folder / "商店.yaml"
    file.write_text(yaml.safe_dump(shop, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return file


def run_of(shop: Path, **changes) -> dict:
    base = {
        "name": "shangdian",
        "shop": str(shop),
        "split": {"cold_items": 0.1},
        "items": {
            "encoders": {
                "名称": "bag",
                "图片": {"name": "cnn", "size": [16, 16], "widths": [8, 8]},
                "类别": "embedding",
                "标签": "embedding",
                "价格": "piecewise",
            },
            "dim": 16,
        },
        "search": {"queries": {"名称": "subwords"}, "batch_size": 16},
        "train": {
            "epochs": 8,
            "batch_size": 64,
            "learning_rate": 0.02,
            "balance": 0.5,
            "balance_by": "类别",
        },
        "evaluate": {"baselines": ["popularity"], "k": [20]},
        "index": {"k": 60},
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return write_shop(tmp_path_factory.mktemp("数据") / "我的商店")


@pytest.fixture(scope="module")
def run(shop, tmp_path_factory):
    return train(run_of(shop), tmp_path_factory.mktemp("运行") / "第一次", say=lambda _: None)


@pytest.fixture(scope="module")
def models(run, tmp_path_factory) -> Path:
    models = tmp_path_factory.mktemp("模型")
    export_model(run.path, models)
    return models


def test_a_run_in_chinese_loads_again_and_recommends(run):
    loaded = load_run(run.path)
    np.testing.assert_allclose(loaded.model.item_vectors(), run.model.item_vectors(), atol=1e-5)
    table = recommend(loaded, ["顾客🙂0", "没有这个人"], k=3)
    assert set(table.item_id) <= set(run.data.items.ids)
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert "名称" in report
    metrics = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics["modalities"]) == {"名称", "图片", "类别", "标签", "价格"}


def test_the_stock_server_serves_the_export(models):
    (verdict,) = check_stock(models)
    assert verdict.ok


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_every_id_is_asked_for_and_answered(run, models, transport):
    ids = list(run.data.items.ids)
    with Server(models, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "shangdian", transport=transport) as client:
            for item in ODD:
                found = client.similar(item)
                assert item not in found.item_id
                assert set(found.item_id) == set(ids) - {item}
            found = client.recommend("没有这个人")
            assert set(found.item_id) == set(ids)
            again = client.recommend("没有这个人", exclude=list(ODD))
            assert set(again.item_id) == set(ids) - set(ODD)
            session = client.recommend_session(list(ODD))
            assert set(session.item_id) == set(ids) - set(ODD)
            thick = client.recommend("没有这个人", allow=["类别=外套=厚", "标签=新品"])
            rows = run.data.items.rows(list(thick.item_id))
            assert len(rows) == 15
            assert {int(row) % 4 for row in rows} == {3}
            red = client.search(text="红色").item_id[:5]
            assert sum(int(row) % 3 == 0 for row in run.data.items.rows(list(red))) >= 3


def test_a_new_product_joins(run, shop, models, tmp_path):
    grown = write_shop(tmp_path / "新的", items=61)
    done = refresh_index(run.path, models, shop=str(grown), say=lambda _: None)
    assert (done.new, done.encoded) == (1, 1)
    served = tf.saved_model.load(str(done.version)).signatures["embed_item"]
    assert np.abs(served(item_id=tf.constant(["商品060"]))["embedding"]).sum() > 0


def test_a_graph_of_it_trains_and_exports(shop, tmp_path):
    graph = {"attributes": ["类别", "标签"], "similar": ["名称"], "propagation": "gcn"}
    config = run_of(
        shop, graph=graph, search={}, train={"epochs": 1, "batch_size": 128}, users={"id": True}
    )
    config["items"]["encoders"] = {"名称": "bag", "类别": "embedding"}
    run = train(config, tmp_path / "图", say=lambda _: None)
    assert {"events/购买", "has/类别"} <= {edges.name for edges in run.model.learned.edges}
    assert export_model(run.path, tmp_path / "模型").name == "1"


@pytest.mark.parametrize("name", ["商店", "café", "a b", "a/b", "", "hm 👗"])
def test_a_model_name_that_no_server_takes_is_refused_before_any_work(shop, tmp_path, name):
    for begin in (train, tune):
        with pytest.raises(RunFileError, match=r"`name` must be letters of ASCII, digits, _ and"):
            begin(run_of(shop, name=name), tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_feature_name_may_be_of_any_script_but_no_filter_term(shop, tmp_path):
    value = yaml.safe_load(shop.read_text(encoding="utf-8"))
    value["root"] = str(shop.parent)
    features = value["items"]["features"]
    for good in ("名称", "título", "naïve.2", "हिन्दी", "Größe_cm"):
        value["items"]["features"] = {good: features["类别"]}
        assert list(load(value).items.features) == [good]
    for bad in ("a=b", "1st", "a b", "a/b", "", "a\n", "👗"):
        value["items"]["features"] = {bad: features["类别"]}
        with pytest.raises(ValueError, match="cannot name a feature; use a letter of any script"):
            load(value)


@pytest.mark.slow
def test_no_file_is_read_or_written_in_the_locales_encoding(run, tmp_path):
    script = "import sys; from tfmm.commands.main import main; sys.exit(main(sys.argv[1:]))"
    options = ["-X", "warn_default_encoding", "-W", "always::EncodingWarning"]
    for arguments in (
        ["recommend", str(run.path), "--out", str(tmp_path / "推荐.parquet"), "--k", "3"],
        ["export", str(run.path), "--out", str(tmp_path / "模型")],
        ["check", run.config.shop, "--json", str(tmp_path / "检查.json")],
    ):
        done = subprocess.run(
            [sys.executable, *options, "-c", script, *arguments],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            check=False,
            timeout=300,
        )
        said = done.stderr.decode()
        assert done.returncode == 0, said
        own = str(Path(tfmm.__file__).parent)
        wrong = [line for line in said.splitlines() if "EncodingWarning" in line]
        assert not [line for line in wrong if line.startswith(own)]
