"""The client's way over REST: a pool of kept connections."""

from __future__ import annotations

from typing import Any

import urllib3

from tfmm.serving.client.rest_questions import RestQuestions, host_and_port
from tfmm.serving.client.transport import Question, Target, TransportError, Way


class RestTransport:
    """Calls the REST API at `host:port`; `http://` or `https://` before it is allowed.

    Args:
        address: `host:port`.
        target: the model to ask.
        way: how to reach it.

    Raises:
        ValueError: the address is none.
        OSError: a certificate's file cannot be read or used.
    """

    def __init__(self, address: str, target: Target, way: Way):
        host, port = host_and_port(address, "http" if way.tls is None else "https")
        self._pool: urllib3.HTTPConnectionPool
        if way.tls is None:
            self._pool = urllib3.HTTPConnectionPool(
                host, port, maxsize=16, retries=False, headers=way.headers
            )
        else:
            self._pool = urllib3.HTTPSConnectionPool(
                host,
                port,
                maxsize=16,
                retries=False,
                headers=way.headers,
                ssl_context=way.tls.context(),
            )
        self._questions = RestQuestions(target, way.max_message_bytes)

    def ask(self, question: Question, seconds: float) -> Any:
        """As `Transport.ask`; a server that sends its answer in bits may take longer."""
        method, path, body = self._questions.request(question)
        limit = self._questions.max_bytes + 1
        try:
            response = self._pool.request(
                method,
                path,
                body=body,
                preload_content=False,
                timeout=urllib3.Timeout(total=seconds),
            )
            try:
                content = response.read(limit)
                if len(content) == limit:
                    response.close()
            finally:
                response.release_conn()
        except urllib3.exceptions.NewConnectionError as error:
            # Refused at once, yet urllib3 counts it among the timeouts.
            raise TransportError("UNAVAILABLE", str(error)) from None
        except urllib3.exceptions.TimeoutError as error:
            raise TransportError("DEADLINE_EXCEEDED", str(error)) from None
        except urllib3.exceptions.HTTPError as error:
            raise TransportError("UNAVAILABLE", str(error)) from None
        return self._questions.reply(question, response.status, content)

    def close(self) -> None:
        """As `Transport.close`."""
        self._pool.close()
