"""check_stock: what the stock server can serve, and what it says of what it cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tests.export.shops import quick_servable, small_servable
from tfmm.commands import main as cli
from tfmm.export import ExportError, check, check_stock, write_version
from tfmm.export.ops import stock_ops

ROOT = Path(__file__).parents[2]


class Plain(tf.Module):
    """A model that tfmm has no part in: two signatures, one of them with a loop and a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable([2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def scale(self, x):
        return {"y": x * self.weight}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([], tf.int32, name="times"),
        ]
    )
    def repeat(self, x, times):
        _, y = tf.while_loop(lambda i, _: i < times, lambda i, y: (i + 1, tf.sinh(y)), [0, x])
        return {"y": y}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, model = tmp_path_factory.mktemp("plain") / "1", Plain()
    signatures = {"serving_default": model.scale, "repeat": model.repeat}
    tf.saved_model.save(model, str(path), signatures=signatures)
    return path


@pytest.fixture
def plain(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "models" / "plain" / "1")


def rename_op(version: Path, old: str, new: str) -> None:
    """Gives the nodes of one op another, in the graph and in every function."""
    file = version / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    graph = model.meta_graphs[0].graph_def
    functions = [node for function in graph.library.function for node in function.node_def]
    renamed = [node for node in (*graph.node, *functions) if node.op == old]
    assert renamed
    for node in renamed:
        node.op = new
    file.write_bytes(model.SerializeToString())


def test_an_export_of_ours_can_be_served(tmp_path: Path, capsys) -> None:
    version = write_version(small_servable().export(), tmp_path, "small")
    (verdict,) = check_stock(version)
    assert verdict.ok
    assert (verdict.lacks, verdict.problems) == ({}, ())
    (note,) = verdict.notes
    assert "up to 16 rows: with --enable_batching, a max_batch_size below 16" in note
    assert "`max_batch_size` is below 16" in (version / "model_card.md").read_text()
    assert len(verdict.signatures) == 6
    assert cli.main(["export", "--check", str(version)]) == 0
    assert f"{version}: the stock server can serve it (embed_item" in capsys.readouterr().out


def test_the_rows_of_warm_up_requests_are_chosen(tmp_path: Path) -> None:
    version = write_version(quick_servable().export(), tmp_path, "m", warmup_rows=4)
    (note,) = check_stock(version)[0].notes
    assert "up to 4 rows" in note
    one = write_version(quick_servable().export(), tmp_path, "m", warmup_rows=1)
    assert check_stock(one)[0].notes == ()
    assert "max_batch_size" not in (one / "model_card.md").read_text()
    with pytest.raises(ExportError, match="warmup_rows must be 0 or more, but is -1"):
        write_version(quick_servable().export(), tmp_path, "m", warmup_rows=-1)


def test_lacking_ops_are_named_with_the_signatures_that_need_them(plain: Path, capsys) -> None:
    rename_op(plain, "Sinh", "Scann>ScannSearch")  # in the body of a loop in a function
    (verdict,) = check_stock(plain)
    assert verdict.lacks == {"Scann>ScannSearch": ["repeat"]}
    assert cli.main(["export", "--check", str(plain)]) == 1
    out = capsys.readouterr().out
    assert "the stock server cannot serve it (repeat, serving_default)" in out
    assert "it lacks the op Scann>ScannSearch (needed by repeat)\n" in out


def test_an_op_of_the_graph_itself_keeps_a_version_from_loading(plain: Path) -> None:
    rename_op(plain, "VarHandleOp", "TheirHandle")
    (verdict,) = check_stock(plain)
    assert verdict.lacks is not None
    assert "loading" in verdict.lacks["TheirHandle"]
    assert "TheirHandle (needed by serving_default), without which it does not load" in str(verdict)


def test_python_functions_are_named_as_such(tmp_path: Path) -> None:
    class Calls(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def call(self, x):
            return {"y": tf.numpy_function(lambda value: value, [x], tf.float32)}

    model = Calls()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"call": model.call})
    (verdict,) = check_stock(tmp_path / "1")
    assert list(verdict.lacks or {}) == ["PyFunc"]
    assert "it runs Python code by PyFunc (needed by call)" in str(verdict)


def test_text_ops_are_in_the_stock_server(tmp_path: Path) -> None:
    text = pytest.importorskip("tensorflow_text")

    class Words(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def words(self, text_):
            return {"words": text.WhitespaceTokenizer().tokenize(text_).to_tensor()}

    model = Words()
    options = tf.saved_model.SaveOptions(namespace_whitelist=["TFText"])
    tf.saved_model.save(model, str(tmp_path / "1"), {"words": model.words}, options)
    assert check_stock(tmp_path)[0].ok


def test_ops_that_nothing_calls_are_a_note(saved: Path, tmp_path: Path) -> None:
    version = shutil.copytree(saved, tmp_path / "1")
    file = version / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    function = model.meta_graphs[0].graph_def.library.function.add()
    function.signature.name = "unused"
    function.node_def.add(name="a", op="TheirOp")
    file.write_bytes(model.SerializeToString())
    (verdict,) = check_stock(version)
    assert verdict.ok
    assert verdict.notes[0] == "functions that are never called use TheirOp, which it lacks"


def test_scalar_inputs_and_missing_warmup_are_notes(plain: Path) -> None:
    (verdict,) = check_stock(plain)
    assert verdict.ok
    text = str(verdict)
    assert "the input 'times' of 'repeat' is a scalar" in text
    assert "there are no warm-up requests" in text


def test_models_and_folders_of_models_are_gone_through(plain: Path) -> None:
    models = plain.parents[1]
    shutil.copytree(plain, models / "plain" / "00000012")
    shutil.copytree(plain, models / "other" / "3")
    (models / "other" / ".tmp-host-1-ab").mkdir()
    (models / "readme").mkdir()
    expected = [models / "other/3", models / "plain/1", models / "plain/00000012"]
    assert [verdict.path for verdict in check_stock(models)] == expected
    assert [verdict.path for verdict in check_stock(models / "plain")] == expected[1:]


def test_one_version_that_cannot_be_served_decides_the_exit_code(plain: Path, capsys) -> None:
    (plain.parent / "2").mkdir()
    assert cli.main(["export", "--check", str(plain.parent)]) == 1
    out = capsys.readouterr().out
    assert f"{plain}: the stock server can serve it" in out
    assert "2: the stock server cannot serve it\n  There is no SavedModel in" in out


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda v: (v / "saved_model.pb").write_bytes(b"\x0anonsense"), "is damaged or no Saved"),
        (lambda v: (v / "saved_model.pb").write_bytes(b""), "holds nothing for serving"),
        (lambda v: shutil.rmtree(v / "variables"), "variables are missing"),
        (lambda v: (v / "variables/variables.index").write_bytes(b"no"), "variables are damaged"),
        (lambda v: flip(v / "variables/variables.data-00000-of-00001"), "variables are damaged"),
        (lambda v: cut(v / "variables/variables.data-00000-of-00001"), "variables are damaged"),
        (lambda v: warm(v, b"x" * 99), "warmup_requests is damaged"),
        (lambda v: warm(v, requests("nothing")), "asks the signature 'nothing'"),
        (lambda v: warm(v, requests("repeat", 1001)), "1,001 requests; over 1,000 fail the load"),
    ],
)
def test_broken_versions_are_refused_with_the_reason(plain: Path, spoil, words: str) -> None:
    spoil(plain)
    (verdict,) = check_stock(plain.parent)
    assert not verdict.ok
    assert words in str(verdict)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[3] ^= 0xFF
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4])


def warm(version: Path, data: bytes | list[bytes]) -> None:
    file = version / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir()
    if isinstance(data, bytes):
        file.write_bytes(data)
        return
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in data:
            writer.write(record)


def requests(signature: str, count: int = 1) -> list[bytes]:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    return [log.SerializeToString()] * count


def test_missing_assets_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    version = write_version(quick_servable().export(), tmp_path, "m", warmup_rows=0)
    (version / "assets" / "item_ids.txt").unlink()
    assert "the file assets/item_ids.txt is missing" in str(check_stock(version)[0])


def test_folders_without_versions_are_refused(tmp_path: Path, capsys) -> None:
    with pytest.raises(ExportError, match=r"There is no folder .*nowhere"):
        check_stock(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="There is no version in"):
        check_stock(tmp_path)
    assert cli.main(["export", "--check", str(tmp_path)]) == 1
    assert "There is no version in" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["run"], ["--out", "m"], ["run", "--check", "m"], ["--check", "m", "--out"]]
)
def test_usage_of_export(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["export", *arguments])
    assert end.value.code == 2
    assert "Usage: tfmm export" in capsys.readouterr().err


def test_the_recorded_ops_are_those_of_this_tensorflow() -> None:
    """In a process of its own: what else is imported here would add ops."""
    program = "from record_stock_ops import stock_ops; print(*stock_ops())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == stock_ops()
