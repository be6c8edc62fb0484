"""The text files that TensorFlow Serving is set up with, beyond models.config.

tensorflow-serving-api ships no messages for batching, monitoring and TLS, so they are declared
here, with TensorFlow Serving's names and types; protobuf then reads the files as the server does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from tfmm.serving.server.errors import ServingConfigError

_PACKAGE = "tfmm.serving"
_INT64 = ".google.protobuf.Int64Value"
_BOOL = ".google.protobuf.BoolValue"
_STRING = ".google.protobuf.StringValue"
_FIELDS = {
    "BatchingParameters": {
        "max_batch_size": _INT64,
        "batch_timeout_micros": _INT64,
        "max_enqueued_batches": _INT64,
        "num_batch_threads": _INT64,
        "thread_pool_name": _STRING,
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": _BOOL,
        "max_execution_batch_size": _INT64,
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": f".{_PACKAGE}.PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
}


def _declare() -> descriptor_pool.DescriptorPool:
    field_type = descriptor_pb2.FieldDescriptorProto
    kinds = {
        "int64": field_type.TYPE_INT64,
        "bool": field_type.TYPE_BOOL,
        "string": field_type.TYPE_STRING,
    }
    file = descriptor_pb2.FileDescriptorProto(
        name="tfmm/serving/config_messages.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
            added = message.field.add(
                name=field,
                number=number,
                label=field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL,
            )
            if kind in kinds:
                added.type = kinds[kind]
            else:
                added.type, added.type_name = field_type.TYPE_MESSAGE, kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _declare()


def read_message(file: str | os.PathLike[str], name: str) -> Any:
    """The message in a text file: `name` is BatchingParameters, MonitoringConfig or SSLConfig.

    Raises:
        ServingConfigError: the file is missing or does not parse; the message says where.
    """
    made = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))()
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ServingConfigError(f"The {name} file {file} cannot be read: {reason}.") from None
    try:
        text_format.Parse(text, made)
    except text_format.ParseError as error:
        # The parser's own words quote the line, which may be a key.
        where = f"line {error.GetLine()}, column {error.GetColumn()}"
        words = where if name == "SSLConfig" else str(error)
        raise ServingConfigError(
            f"The {name} file {file} does not parse as tensorflow.serving.{name}: {words}. "
            f"Its fields are {', '.join(_FIELDS[name])}."
        ) from None
    return made
