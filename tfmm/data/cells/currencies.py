"""Signs and codes of currencies, as they stand beside amounts."""

from __future__ import annotations

from collections.abc import Collection

_CODES = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD "
    "JPY KES KRW KWD KZT LYD MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK "
    "SGD THB TND TRY TWD UAH UGX USD UYU VND ZAR"
).split()
_SIGNS = {
    **{code.casefold(): code for code in _CODES},
    **{"$": "$", "¥": "¥", "kr": "kr", "kr.": "kr"},
    **{"us$": "USD", "us $": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD"},
    **{"hk$": "HKD", "nz$": "NZD", "s$": "SGD", "nt$": "TWD", "mx$": "MXN", "r$": "BRL"},
    **{"€": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "₹": "INR", "rs": "INR"},
    **{"rs.": "INR", "₩": "KRW", "원": "KRW", "円": "JPY", "jp¥": "JPY", "元": "CNY", "rmb": "CNY"},
    **{"cn¥": "CNY", "₽": "RUB", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "₺": "TRY", "tl": "TRY"},
    **{"₴": "UAH", "грн": "UAH", "฿": "THB", "₫": "VND", "đ": "VND", "₪": "ILS", "zł": "PLN"},
    **{"kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "лв.": "BGN", "₱": "PHP", "₦": "NGN"},
    **{"₸": "KZT", "fr.": "CHF", "sfr.": "CHF", "dollar": "USD", "dollars": "USD", "rp": "IDR"},
}
#: Those whose amounts have no decimals, by ISO 4217 or by custom.
WHOLE = frozenset({"¥", "JPY", "KRW", "VND", "CLP", "ISK", "HUF", "IDR", "UGX", "COP", "TWD"})
#: Those beside which a comma parts thousands.
COMMA_PARTS = frozenset({"$", "USD", "GBP", "AUD", "NZD", "HKD", "SGD", "INR", "CNY", "MXN", "THB"})
# Signs of several currencies, which stand for the only one of them that a column names.
_SHARED = {
    "$": {"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD"},
    "¥": {"JPY", "CNY"},
    "kr": {"SEK", "NOK", "DKK", "ISK"},
}


def currency(sign: str) -> str | None:
    """The currency of a sign or code: "EUR" of "€"; None of what is none."""
    return _SIGNS.get(" ".join(sign.split()).casefold())


def named_alike(found: Collection[str]) -> dict[str, str]:
    """What each currency of a column is called, so that "$" beside "USD" alone is that."""
    names = {name: name for name in found}
    for sign, several in _SHARED.items():
        one = several & set(found)
        if sign in names and len(one) == 1:
            names[sign] = next(iter(one))
    return names
