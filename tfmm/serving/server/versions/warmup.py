"""Replays a version's warm-up requests before the version answers anyone.

`VERSION/assets.extra/tf_serving_warmup_requests` is a TFRecord of
`tensorflow.serving.PredictionLog`. As in TensorFlow Serving, a request that fails, a record that
does not parse, or more than 1,000 of them fail the load, and one without a request is passed over.
"""

from __future__ import annotations

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from tfmm.serving.server import predict
from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.steps import finish
from tfmm.serving.server.versions.servable import Servable

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000


def warm_up(servable: Servable) -> int:
    """Answer each warm-up request with this version; returns how many there were.

    Raises:
        StatusError: what the first request that failed answered, or what is wrong with the file.
    """
    file = servable.path / WARMUP_FILE
    if not file.is_file():
        return 0
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            count += 1
            if count > MAX_RECORDS:
                raise StatusError(
                    "INVALID_ARGUMENT",
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}",
                )
            _answer(servable, record)
    except tf.errors.DataLossError as error:
        raise StatusError(
            "DATA_LOSS",
            f"{error.message}. Please verify your warmup data is in TFRecord format: {file}",
        ) from None
    return count


def _answer(servable: Servable, record: bytes) -> None:
    log = prediction_log_pb2.PredictionLog()
    try:
        log.ParseFromString(record)
    except DecodeError:
        raise StatusError("INVALID_ARGUMENT", "Failed to parse warmup record") from None
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind == "predict_log":
        finish(predict.predict(servable, log.predict_log.request))
    elif kind == "classify_log":
        finish(predict.classify(servable, log.classify_log.request))
    elif kind == "regress_log":
        finish(predict.regress(servable, log.regress_log.request))
    elif kind == "multi_inference_log":
        finish(predict.multi_inference(servable, log.multi_inference_log.request))
    else:
        raise StatusError("UNIMPLEMENTED", f"Unsupported log_type for warmup: {kind}")
