"""Texts as PostgreSQL can hold them: it has no character 0.

The characters 0 to 3 are written as three each, so that order, beginnings and parts of texts stay what they are: 1 begins each of
these sequences and stands nowhere else, 2 and 3 stand within them alone.
"""

import re

_WRITTEN = {0: "\x01\x02\x02", 1: "\x01\x02\x03", 2: "\x01\x03\x02", 3: "\x01\x03\x03"}
_READ = {written: chr(character) for character, written in _WRITTEN.items()}
_IN_JSON = {character: "".join(f"\\u{ord(each):04x}" for each in text) for character, text in _WRITTEN.items()}
_FROM_JSON = {written: f"\\u{character:04x}" for character, written in _IN_JSON.items()}
_UNSAFE = re.compile("[\x00-\x03]")
_SEQUENCE = re.compile("\x01[\x02\x03][\x02\x03]")
_ESCAPED = re.compile(r"\\(?:u000([0-3])|.)")
_ESCAPED_SEQUENCE = re.compile(r"\\u0001\\u000[23]\\u000[23]|\\.")


def written(text: str) -> str:
    return _UNSAFE.sub(lambda found: _WRITTEN[ord(found[0])], text) if _UNSAFE.search(text) else text


def read(text: str) -> str:
    return _SEQUENCE.sub(lambda found: _READ[found[0]], text) if "\x01" in text else text


def json_written(text: str) -> str:
    """The same for all texts within a JSON text, where these characters are always escaped."""
    if "\\u000" not in text:
        return text
    return _ESCAPED.sub(lambda found: _IN_JSON[int(found[1])] if found[1] else found[0], text)


def json_read(text: str) -> str:
    if "\\u0001" not in text:
        return text
    return _ESCAPED_SEQUENCE.sub(lambda found: _FROM_JSON.get(found[0], found[0]), text)
