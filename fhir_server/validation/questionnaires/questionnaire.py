"""A Questionnaire by itself: what its questions' conditions refer to.

http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen.question
"""

from collections.abc import Iterator

from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue


def check(node: Node) -> Iterator[Issue]:
    """The issues of conditions on no question of this questionnaire, or on one that only they let be asked."""
    items = list(_items(node))
    known = {item.value.get("linkId") for item in items}
    for item in items:
        if "enableWhen" not in item.value:
            continue
        below = {item.value.get("linkId"), *(inner.value.get("linkId") for inner in _items(item))}
        for condition in item.child("enableWhen"):
            question, path = condition.value.get("question"), f"{condition.path}.question"
            if question not in known:
                yield Issue("business-rule", f"there is no question {question!r} in this questionnaire", (path,))
            elif question in below:
                text = f"{question!r} is asked only if this item is: an item cannot depend on itself or what is in it"
                yield Issue("business-rule", text, (path,))


def _items(node: Node) -> Iterator[Node]:
    for item in node.child("item"):
        yield item
        yield from _items(item)
