"""What every answer of the storefront forbids the browser, and whom it answers at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Nothing from elsewhere, no script or style inside a page, no text that turns into markup.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
_LOCAL = ("127.0.0.1", "localhost", "::1")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers to every answer, for `Application.on_response_prepare`."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def only_local_names(host: str) -> Middleware:
    """A middleware that refuses requests by another name than this machine's own.

    A page elsewhere may let its own name point here, and would then read the shop (DNS rebinding).

    Args:
        host: the address that is listened on; one that other machines reach has names that are not
            known here, and takes them all.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if host in _LOCAL and request.url.host not in _LOCAL:
            raise web.HTTPForbidden(
                text=f"This storefront answers at {' and '.join(_LOCAL[:2])} only."
            )
        return await handler(request)

    return check
