"""enableWhen: whether a question is asked, by the answers that stand nearest to it.

http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_server.validation.profiles.values import equal

Json = Mapping[str, Any]
Trail = tuple[Json, ...]
"""The containers that an item of a response stands in, the response first."""

_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def enabled(question: Json, trail: Trail) -> bool:
    """Whether the question is to be asked where its item stands (or would stand) in the last container of `trail`."""
    conditions = question.get("enableWhen", ())
    if not conditions:
        return True
    answers = [_holds(condition, trail) for condition in conditions]
    return any(answers) if question.get("enableBehavior") == "any" else all(answers)


def _holds(condition: Json, trail: Trail) -> bool:
    answers = _nearest(str(condition.get("question", "")), trail)
    operator = condition.get("operator")
    wanted = value_of(condition, "answer")
    if operator == "exists":
        return bool(answers) is bool(wanted)
    if operator == "=":
        return any(same(answer, wanted) for answer in answers)
    if operator == "!=":
        return bool(answers) and not any(same(answer, wanted) for answer in answers)
    test = _COMPARED.get(str(operator))
    return test is not None and any(_ordered(test, answer, wanted) for answer in answers)


def value_of(element: Json, name: str = "value") -> Any:
    """The value of a choice (`valueString`, `answerBoolean`, …); None without one."""
    return next((v for k, v in element.items() if k.startswith(name) and k[len(name) : len(name) + 1].isupper()), None)


def same(answer: Any, wanted: Any) -> bool:
    """Codings are the same by system and code, quantities by number and unit; all else by its value."""
    if isinstance(answer, Mapping) and isinstance(wanted, Mapping) and "code" in wanted:
        keys = ("system", "code", "value") if "value" in wanted else ("system", "code")
        return all(answer.get(k) == wanted.get(k) for k in keys if k in wanted or k == "code")
    return equal(answer, wanted)


def _ordered(test: Callable[[Any, Any], bool], answer: Any, wanted: Any) -> bool:
    if isinstance(answer, Mapping) and isinstance(wanted, Mapping):
        answer, wanted = answer.get("value"), wanted.get("value")
    try:
        return test(answer, wanted)
    except TypeError:
        return False


def _nearest(link: str, trail: Trail) -> list[Any]:
    """The answers of the question that is met first on the way from the innermost container outwards."""
    for container in reversed(trail):
        if container.get("linkId") == link:
            return [value_of(a) for a in container.get("answer", ()) if value_of(a) is not None]
        found = next((item for item in _within(container) if item.get("linkId") == link), None)
        if found is not None:
            return [value_of(a) for a in found.get("answer", ()) if value_of(a) is not None]
    return []


def _within(container: Json) -> Iterator[Json]:
    for item in items(container):
        yield item
        yield from _within(item)


def items(container: Json) -> Sequence[Json]:
    """The items right below a response or item: those in its answers too."""
    own = container.get("item", ())
    below = [item for answer in container.get("answer", ()) for item in answer.get("item", ())]
    return [*own, *below]
