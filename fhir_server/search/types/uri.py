"""URI search parameters: uris, urls and canonicals, precise or by their place in the hierarchy of a URL.

http://hl7.org/fhir/R4/search.html#uri
"""

from collections.abc import Callable, Iterator, Mapping

from fhir_server import references
from fhir_server.search.query import Compare, IndexEntry, Op, Uri
from fhir_server.search.types.reading import Alternatives, Reading, all_of, split, unescape

Add = Callable[[IndexEntry], None]

MODIFIERS = frozenset({"above", "below"})
MAX_PARTS = 64


def uri(add: Add, param: str, value: str, group: int) -> None:
    add(IndexEntry(param, Uri(value), group))


def canonical(add: Add, param: str, value: str, group: int) -> None:
    parts = references.canonical(value)
    add(IndexEntry(param, Uri(parts.url or value, parts.version), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "uri": uri,
    "url": uri,
    "canonical": canonical,
    "oid": uri,
    "uuid": uri,
}


def alternatives(value: str, modifier: str, reading: Reading) -> Alternatives:
    """The whole URI; of a canonical `url|version` too. `:below`: the URL or any under it; `:above`: it or any over it.

    Raises BadRequest.
    """
    url, *rest = split(value, "|", 1)
    url = unescape(url)
    if rest and not modifier and rest[0]:
        return (all_of((Uri, "value", Op.EQ, url), (Uri, "version", Op.EQ, unescape(rest[0]))),)
    if not modifier:
        return ((Compare(Uri, "value", Op.EQ, url),),)
    if rest or "://" not in url:
        raise reading.wrong(f"{value[:64]!r}: above and below are for URLs, not for URNs or versions")
    if modifier == "below":
        under = url if url.endswith("/") else f"{url}/"
        return tuple((Compare(Uri, "value", op, text),) for op, text in {Op.EQ: url, Op.STARTS: under}.items())
    if url.count("/") > MAX_PARTS:
        raise reading.wrong(f"a URL of more than {MAX_PARTS} parts")
    return tuple((Compare(Uri, "value", Op.EQ, text),) for text in dict.fromkeys(_over(url)))


def _over(url: str) -> Iterator[str]:
    """The URL and those above it, with and without the slash at their end."""
    scheme, _, path = url.partition("://")
    yield url
    while path:
        path = path.rstrip("/")
        yield f"{scheme}://{path}"
        yield f"{scheme}://{path}/"
        path = path.rpartition("/")[0]
