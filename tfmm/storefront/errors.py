"""Errors as a page can show them: what kind, and a sentence that says what to do."""

from __future__ import annotations

import logging

from aiohttp import web

from tfmm.serving.server.errors import ServingError
from tfmm.storefront.pictures import PictureError
from tfmm.storefront.security import Handler

_log = logging.getLogger(__name__)
_AWAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED")


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A middleware that answers errors with `{"error": {"kind", "message"}}`."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge as error:
        limit = request.client_max_size >> 20
        message = f"The file is too large: at most {limit} MB are taken."
        return _answer(error.status, "wrong_question", message)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(error.status, "wrong_question", error.text or error.reason)
    # A page must get an answer whatever fails; what is not expected goes to the log as well.
    except Exception as error:
        status, kind, message = told(error)
        if status == 500:
            _log.exception("%s %s failed", request.method, request.path)
        return _answer(status, kind, message)


def told(error: Exception) -> tuple[int, str, str]:
    """HTTP status, kind and message of an error.

    Kinds are `server_down` (the model's server does not answer), `cannot` (this model cannot
    answer such a question), `wrong_question` (what was asked), `model` (the server refuses or
    fails) and `storefront` (a fault of the page's own server).
    """
    if isinstance(error, ServingError):
        if error.code in _AWAY:
            return 503, "server_down", str(error)
        return (422, "cannot", str(error)) if _is_lacking(error) else (502, "model", str(error))
    if isinstance(error, PictureError):
        return 404, "wrong_question", str(error)
    if isinstance(error, ModuleNotFoundError):
        return 422, "cannot", str(error)
    if isinstance(error, ValueError):
        return 400, "wrong_question", str(error)
    return 500, "storefront", "The storefront failed; its terminal says why."


def _is_lacking(error: ServingError) -> bool:
    return error.code == "NOT_FOUND" and error.at_fault == "signature"


def _answer(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"error": {"kind": kind, "message": message}}, status=status)
