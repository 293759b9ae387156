"""Bundle.composition and Bundle.message: the document or message whose first entry is that resource.

http://hl7.org/fhir/R4/bundle.html#search

The resource is within the Bundle: it is known by its own id, or by the fullUrl of its entry.
"""

from fhir_server import references
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import EVERYTHING, Compare, Contains, Ids, Match, Node, Op, Or, Uri
from fhir_server.search.types.reading import Reading, unescape

FULL_URL = "_fullUrl"
"""Bundle.entry.fullUrl of the first entry, in the index: R4 has no search parameter for it."""


def led_by(parameter: Parameter, value: str, reading: Reading) -> Node:
    """`[id]`, `[type]/[id]`, an absolute URL. Raises BadRequest."""
    text = unescape(value).strip()
    target = references.parse(text, reading.base)
    if target is not None and target.local:
        if target.type not in parameter.targets:
            raise reading.wrong(f"{text[:64]!r} is none of {', '.join(parameter.targets)}")
        return Contains(target.type, Ids((target.id,)))
    where: Node
    if target is not None and target.url:
        where = Match(FULL_URL, ((Compare(Uri, "value", Op.EQ, target.url),),))
    elif references.ID.fullmatch(text):
        where = Ids((text,))
    else:
        raise reading.wrong(f"{text[:64]!r} is no reference: expected [id], [type]/[id] or an absolute URL")
    return Or(tuple(Contains(type_, where) for type_ in parameter.targets))


def leads(parameter: Parameter) -> Node:
    """There is one (`:missing=false`)."""
    return Or(tuple(Contains(type_, EVERYTHING) for type_ in parameter.targets))
