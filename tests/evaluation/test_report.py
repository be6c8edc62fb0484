import json

import pytest
from PIL import Image

from tfmm.evaluation import write_report
from tfmm.tasks.retrieval.report import sections

KS = (5, 20)


def section(recall, **more):
    names = ("recall", "ndcg", "mrr", "hit_rate", "map", "coverage", "novelty")
    return {f"{name}@{k}": recall * k / 20 for name in names for k in KS} | {"users": 1200} | more


@pytest.fixture
def metrics():
    return {
        "model": section(0.24),
        "cold": section(0.17),
        "baselines": {
            "popularity": section(0.05, params={}, cold=section(0.0)),
            "item_knn": section(0.2, params={"k": 300, "similarity": "pearson"}),
            "ease": {"left_out": "EASE on 1,000,000 items needs 7,450.6 GiB."},
        },
        "breakdowns": {
            "users": {"warm": section(0.25), "new": section(0.04)},
            "popularity": [
                {"decile": 0, "items": 3, "test_items": 2, "recall@5": 0.0, "recall@20": 0.0},
                {"decile": 10, "items": 9, "test_items": 25_000, "recall@5": 0.1, "recall@20": 0.4},
            ],
        },
        "modalities": {
            "text": {"recall_drop": 0.03, "cold_recall_drop": 0.1, "weight": 0.7},
            "photo": {"recall_drop": -0.001},
        },
        "looked_at": {
            part: [
                {"item": f"{part}{i}", "title": f"Item {i}", "weights": {"text": w, "photo": 1 - w}}
                for i, w in enumerate((0.3, 0.96))
            ]
            for part in ("warm", "cold")
        },
        "split": {"users": 1200, "items": 300},
        "seconds": {"load": 1.5, "train": 20.0},
        "examples_per_second": 31_234.2,
        "config_sha256": "ab" * 32,
    }


def report(metrics, path, history=(), pictures=None):
    made = sections(metrics, path.parent / "plots", history, pictures)
    return write_report(path, made, metrics)


HISTORY = [{"epoch": i, "loss": 5.0 - i, "recall@20": 0.1 * (3 - abs(i - 2))} for i in (1, 2, 3)]


def test_report_sets_the_model_beside_the_baselines(metrics, tmp_path):
    text = report(metrics, tmp_path / "run" / "report.md", HISTORY).read_text()
    assert "| **model** | **0.2400** |" in text
    assert "| item-kNN | 0.2000 |" in text
    assert "EASE was left out: EASE on 1,000,000 items needs 7,450.6 GiB." in text
    assert "item-kNN (k 300, similarity pearson)" in text
    assert "| no training events | 3 | 2 | 0.0000 |" in text
    assert "recall@20 was best after epoch 2: 0.3000" in text
    assert "| text | 0.0300 | 0.1000 | 0.7000 |" in text
    assert "31,234" in text


def test_plain_words_say_what_the_numbers_mean(metrics, tmp_path):
    found = {"difference": 0.04, "low": 0.012, "high": 0.0751}
    metrics["compared"] = {"item_knn": {"recall@20": found, "ndcg@20": found}}

    def said():
        text = report(metrics, tmp_path / "report.md").read_text()
        return text.split("## In short\n\n")[1].split("\n\n")[0]

    assert said() == (
        "Of what a shopper took in the test, the first 20 items that the model would have shown "
        "hold 24.0 % on average, over 1,200 shoppers. The best of the simple lists, item-kNN, "
        "holds 20.0 %. The model is better by 4.0 points; another test would likely find it "
        "better by 1.2 to 7.5 points. Of new items, which nobody had taken before, it is 17.0 %, "
        "over 1,200 shoppers (the best simple list, popularity: 0.0 %)."
    )
    found |= {"difference": -0.04, "low": -0.0751, "high": -0.012}
    assert "worse by 4.0 points; another test would likely find it worse by 1.2 to 7.5" in said()
    found |= {"difference": 0.004, "low": -0.01, "high": 0.02}
    assert "the test cannot tell: the difference is +0.4 points" in said()
    assert "from -1.0 to +2.0" in said()


def test_names_of_strangers_are_no_markdown(metrics, tmp_path):
    metrics["modalities"] = {"a|*b* [c](d)\n# e": {"recall_drop": 0.5}}
    text = report(metrics, tmp_path / "report.md").read_text()
    assert "| a\\|\\*b\\* \\[c\\](d) # e | 0.5000 |" in text


def test_every_picture_named_in_the_report_opens(metrics, tmp_path):
    text = report(metrics, tmp_path / "report.md", HISTORY).read_text()
    named = {line.split("(")[1][:-1] for line in text.splitlines() if line.startswith("![")}
    drawn = {f"plots/{file.name}" for file in (tmp_path / "plots").iterdir()}
    assert named == drawn
    assert len(drawn) == 6
    for name in named:
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 600
            assert len(picture.convert("RGB").getcolors(2**24)) > 5


def test_items_are_shown_with_those_pictures_that_decode(metrics, tmp_path):
    Image.new("RGB", (30, 40), (255, 0, 255)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    pictures = {"warm0": tmp_path / "a.png", "cold1": tmp_path / "b.png"}

    def magenta(shown):
        report(metrics, tmp_path / "report.md", pictures=shown)
        with Image.open(tmp_path / "plots" / "looked_at.png") as plot:
            colours = plot.convert("RGB").getcolors(2**24)
        return sum(n for n, (r, g, b) in colours if r > 240 and g < 30 and b > 240)

    assert magenta({}) == 0
    assert magenta(pictures) > 300


def test_report_of_a_model_alone(tmp_path):
    text = report({"model": {"recall@10": 0.5, "users": 3}}, tmp_path / "report.md").read_text()
    assert "Recall@10" in text
    assert "![" not in text


def test_report_survives_json(metrics, tmp_path):
    again = json.loads(json.dumps(metrics))
    one = report(metrics, tmp_path / "a" / "report.md", HISTORY).read_text()
    assert one == report(again, tmp_path / "b" / "report.md", HISTORY).read_text()


def test_metrics_without_a_recall_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no section 'model' with a 'recall@k'"):
        report({"model": {"loss": 1.0}}, tmp_path / "report.md")
