"""The client's ways over gRPC: one channel, reused by every call."""

from __future__ import annotations

from typing import Any

import grpc

from tfmm.serving.client.grpc_questions import GrpcQuestions, channel_options, credentials, failure
from tfmm.serving.client.transport import Question, Target, Way


class GrpcTransport:
    """Calls PredictionService and ModelService at `host:port`.

    Args:
        address: `host:port`.
        target: the model to ask.
        way: how to reach it.

    Raises:
        OSError: a certificate's file cannot be read.
    """

    def __init__(self, address: str, target: Target, way: Way):
        options = channel_options(address, way.max_message_bytes)
        if way.tls is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials(way.tls), options)
        self._questions = GrpcQuestions(self._channel, target, way.headers)

    def ask(self, question: Question, seconds: float) -> Any:
        """As `Transport.ask`."""
        try:
            response = self._questions.call(question, seconds)
        except grpc.RpcError as error:
            raise failure(error) from None
        return self._questions.reply(question, response)

    def close(self) -> None:
        """As `Transport.close`."""
        self._channel.close()


class AsyncGrpcTransport:
    """The same from an event loop, with the same arguments; the channel opens with the first
    question, on the loop that asks it."""

    def __init__(self, address: str, target: Target, way: Way):
        self._address = address
        self._headers = way.headers
        self._target = target
        self._credentials = None if way.tls is None else credentials(way.tls)
        self._options = channel_options(address, way.max_message_bytes)
        self._channel: Any = None
        self._questions: GrpcQuestions | None = None

    async def ask(self, question: Question, seconds: float) -> Any:
        """As `AsyncTransport.ask`."""
        if self._questions is None:
            if self._credentials is None:
                self._channel = grpc.aio.insecure_channel(self._address, self._options)
            else:
                self._channel = grpc.aio.secure_channel(
                    self._address, self._credentials, self._options
                )
            self._questions = GrpcQuestions(self._channel, self._target, self._headers)
        try:
            response = await self._questions.call(question, seconds)
        except grpc.RpcError as error:
            raise failure(error) from None
        return self._questions.reply(question, response)

    async def close(self) -> None:
        """As `AsyncTransport.close`."""
        if self._channel is not None:
            await self._channel.close()
