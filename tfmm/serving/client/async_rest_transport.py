"""The asynchronous client's way over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from tfmm.serving.client.rest_questions import RestQuestions, host_and_port
from tfmm.serving.client.transport import Question, Target, TransportError, Way


class AsyncRestTransport:
    """Calls the REST API from an event loop, with `RestTransport`'s arguments; the connections
    belong to the loop that asks the first question."""

    def __init__(self, address: str, target: Target, way: Way):
        self._headers = way.headers
        scheme = "http" if way.tls is None else "https"
        host, port = host_and_port(address, scheme)
        self._url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self._context = None if way.tls is None else way.tls.context()
        self._questions = RestQuestions(target, way.max_message_bytes)
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, question: Question, seconds: float) -> Any:
        """As `AsyncTransport.ask`."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._context or True)
            self._session = aiohttp.ClientSession(
                self._url, connector=connector, headers=self._headers
            )
        method, path, body = self._questions.request(question)
        content = bytearray()
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(method, path, data=body) as response,
            ):
                async for part in response.content.iter_any():
                    content += part
                    if len(content) > self._questions.max_bytes:
                        response.close()
                        break
        except TimeoutError:
            raise TransportError("DEADLINE_EXCEEDED", f"no answer after {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError("UNAVAILABLE", str(error)) from None
        return self._questions.reply(question, response.status, bytes(content))

    async def close(self) -> None:
        """As `AsyncTransport.close`."""
        if self._session is not None:
            await self._session.close()
