"""Plain HTTP for the tests: what a stranger's client sends and gets, byte for byte."""

from __future__ import annotations

import http.client
import json


def ask(address: str, method: str, path: str, body: str | bytes | None = None):
    """Status, content type and body text of one request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, path, body=body)
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    connection.close()
    return response.status, response.getheader("Content-Type"), text


def post(address: str, path: str, body: str | bytes | dict):
    """Status and parsed JSON answer of a POST."""
    sent = json.dumps(body) if isinstance(body, dict) else body
    status, _, text = ask(address, "POST", path, sent)
    return status, json.loads(text)
