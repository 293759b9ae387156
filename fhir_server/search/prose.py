"""The words of a resource: of its narrative (`_text`) and of all texts that people read in it (`_content`).

http://hl7.org/fhir/R4/search.html#content, http://hl7.org/fhir/R4/narrative.html

Texts are elements of the types string, markdown and xhtml, wherever they stand: in data types, extensions and contained
resources too. Codes, ids, URIs, references, dates and numbers are no texts: token, uri and the other parameters find them.
"""

import re
from collections.abc import Callable, Mapping
from html import unescape
from threading import Lock
from typing import Any

from fhir_server.definitions import definitions
from fhir_server.search.folding import words as plain_words

_READ = frozenset({"string", "markdown"})


class _Below(dict[str, "_Below"]):
    """JSON name → what stands there: one of the three below, or the names within it."""


_TEXT, _XHTML, _RESOURCE, _NOTHING = _Below(), _Below(), _Below(), _Below()

_INLINE = r"/?(?:a|abbr|acronym|b|bdo|big|cite|code|dfn|em|i|kbd|q|samp|small|span|strong|sub|sup|tt|var)(?=[\s/>])"
_TAG = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>"""
_INLINE_TAG = re.compile(f"<{_INLINE}{_TAG}")
_ANY_TAG = re.compile(f"<{_TAG}")

_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff])"
)
"""Scripts that set no space between words: Thai, Lao, Burmese, Khmer, kana, ideographs."""


def words(text: str) -> str:
    """The folded words of a text, one space between them; "" where it has none.

    In scripts that do not set spaces, each character is a word: a word of such a text is found as a row of them.
    """
    folded = plain_words(text)
    return folded if folded.isascii() else " ".join(_UNSPACED.sub(r" \1 ", folded).split())


def narrative(div: str) -> str:
    """The text of an xhtml div: without comments and tags, those that stand between words as spaces."""
    if "<!--" in div:
        first, *others = div.split("<!--")  # a regular expression looks for each end anew
        div = " ".join(
            [first, *(after if end else before for before, end, after in (o.partition("-->") for o in others))]
        )
    text = _ANY_TAG.sub(" ", _INLINE_TAG.sub("", div))
    return unescape(text) if "&" in text else text


def narrative_words(resource: Mapping[str, Any]) -> str:
    """The words that `_text` looks for: those of the resource's own narrative."""
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    return words(narrative(div)) if isinstance(div, str) else ""


def content_words(resource: Mapping[str, Any]) -> str:
    """The words that `_content` looks for: those of all texts, in their order in the resource."""
    texts: list[str] = []
    _gather(resource, _below(resource.get("resourceType")), texts.append)
    text = "\n".join(texts)
    return plain_words(text) if text.isascii() else " ".join(filter(None, map(words, texts)))


def _gather(node: Mapping[str, Any], below: _Below, add: Callable[[str], None]) -> None:
    """Adds the texts below a node. Hot: most names of most nodes hold no text."""
    find = below.get
    for name, value in node.items():
        what = find(name)
        if what is None:
            continue
        kind = type(value)
        if kind is dict:
            _gather(value, what if what is not _RESOURCE else _below(value.get("resourceType")), add)
        elif kind is list:
            for each in value:
                if type(each) is dict:
                    _gather(each, what if what is not _RESOURCE else _below(each.get("resourceType")), add)
                elif type(each) is str:
                    add(each)
        elif kind is str:
            add(value if what is not _XHTML else narrative(value))


def _below(type_: str | None) -> _Below:
    """What lies below an element of this type, as far as texts can stand there; nothing for an unknown one."""
    found = _whole.get(type_)
    if found is None:
        if type_ not in definitions().resource_types:
            return _NOTHING
        with _building:
            found = _whole[type_] = _table(type_)
    return found


_building = Lock()
_whole: dict[str | None, _Below] = {}  # with all that lies below them
_begun: dict[str, _Below] = {}


def _table(type_: str) -> _Below:
    if type_ in _begun:
        return _begun[type_]
    made = _begun[type_] = _Below()
    for element in definitions().elements(type_).values():
        if element.bare or element.path == "Reference.reference":
            continue
        if element.sibling:
            made[element.sibling] = _table("Element")
        if element.type in _READ:
            made[element.name] = _TEXT
        elif element.type == "xhtml":
            made[element.name] = _XHTML
        elif element.type == "Resource":
            made[element.name] = _RESOURCE
        elif not element.primitive:
            made[element.name] = _table(element.type)
    return made
