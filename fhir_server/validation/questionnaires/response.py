"""A QuestionnaireResponse walked along its Questionnaire: what is asked, how often, in which order.

http://hl7.org/fhir/R4/questionnaireresponse.html#9.10.4
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_server.outcome import Issue
from fhir_server.validation.codes import Codes
from fhir_server.validation.questionnaires import answers
from fhir_server.validation.questionnaires.enabled import Trail, enabled, same, value_of

Json = Mapping[str, Any]
FINISHED: Final = frozenset({"completed", "amended"})
EXCLUSIVE: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive"


def check(response: Json, questionnaire: Json, codes: Codes) -> Iterator[Issue]:
    """Everything that the response does not do and the questionnaire asks for. What is required may be missing until the
    response is completed.
    """
    walk = _Walk(codes, finished=response.get("status") in FINISHED)
    yield from walk.items(questionnaire, response, (response,), "QuestionnaireResponse")


class _Walk:
    def __init__(self, codes: Codes, *, finished: bool) -> None:
        self.codes, self.finished = codes, finished

    def items(self, asked: Json, given: Json, trail: Trail, path: str) -> Iterator[Issue]:
        """The items right below `given` against the questions right below `asked`."""
        questions = {str(q.get("linkId")): q for q in asked.get("item", ())}
        found: dict[str, list[tuple[int, Json]]] = {}
        for n, item in enumerate(given.get("item", ())):
            found.setdefault(str(item.get("linkId")), []).append((n, item))
        yield from self._strangers(questions, found, path)
        yield from self._order(questions, given.get("item", ()), path)
        for link, question in questions.items():
            yield from self._question(question, found.get(link, []), trail, path)

    def _strangers(
        self, questions: Mapping[str, Json], found: Mapping[str, Sequence[tuple[int, Json]]], path: str
    ) -> Iterator[Issue]:
        for link, items in found.items():
            if link not in questions:
                known = ", ".join(list(questions)[:10]) or "none"
                yield Issue(
                    "structure",
                    f"no question {link[:100]!r} is asked here; those that are: {known}",
                    (f"{path}.item[{items[0][0]}].linkId",),
                )

    def _order(self, questions: Mapping[str, Json], items: Sequence[Json], path: str) -> Iterator[Issue]:
        order = {link: n for n, link in enumerate(questions)}
        places = [order[str(item.get("linkId"))] for item in items if str(item.get("linkId")) in order]
        if places != sorted(places):
            yield Issue("structure", "the items stand in another order than the questions", (f"{path}.item",))

    def _question(self, question: Json, items: Sequence[tuple[int, Json]], trail: Trail, path: str) -> Iterator[Issue]:
        link, kind = question.get("linkId"), question.get("type")
        if not enabled(question, trail):
            for n, item in items:
                if _says_something(item):
                    yield Issue(
                        "invalid",
                        f"the question {link!r} is not asked here (enableWhen), so it must not be answered",
                        (f"{path}.item[{n}]",),
                    )
            return
        if question.get("required") and self.finished and not any(_says_something(item) for _, item in items):
            place = f"{path}.item[{items[0][0]}]" if items else path
            if kind != "display":
                yield Issue("required", f"the question {link!r} must be answered", (place,))
        if len(items) > 1 and not (kind == "group" and question.get("repeats")):
            more = (
                "a repeating question has one item with several answers"
                if question.get("repeats")
                else "it does not repeat"
            )
            yield Issue(
                "structure", f"{len(items)} items for the question {link!r}: {more}", (f"{path}.item[{items[1][0]}]",)
            )
        for n, item in items:
            yield from self._item(question, item, trail, f"{path}.item[{n}]")

    def _item(self, question: Json, item: Json, trail: Trail, path: str) -> Iterator[Issue]:
        kind = question.get("type")
        given: Sequence[Json] = item.get("answer", ())
        if kind in ("display", "group", "question"):
            if given:
                yield Issue("structure", f"an item of type {kind} has no answers", (f"{path}.answer",))
            yield from self.items(question, item, (*trail, item), path) if kind != "display" else ()
            return
        if item.get("item"):
            yield Issue("structure", "items below a question stand in its answers (answer.item)", (f"{path}.item",))
        if len(given) > 1 and not question.get("repeats"):
            yield Issue(
                "structure",
                f"{len(given)} answers to the question {question.get('linkId')!r}, which does not repeat",
                (f"{path}.answer",),
            )
        yield from _exclusive(question, given, path)
        for n, answer in enumerate(given):
            place = f"{path}.answer[{n}]"
            yield from answers.check(question, answer, self.codes, place)
            if "item" in answer or question.get("item"):
                yield from self.items(question, answer, (*trail, item), place)


def _says_something(item: Json) -> bool:
    """Whether an item or one below it has an answer with a value."""
    if any(
        value_of(answer) is not None or any(map(_says_something, answer.get("item", ())))
        for answer in item.get("answer", ())
    ):
        return True
    return any(map(_says_something, item.get("item", ())))


def _exclusive(question: Json, given: Sequence[Json], path: str) -> Iterator[Issue]:
    alone = [value_of(o) for o in question.get("answerOption", ()) if answers.extension(o, EXCLUSIVE) is True]
    if len(given) < 2:
        return
    for n, answer in enumerate(given):
        if any(same(value_of(answer), one) for one in alone):
            yield Issue("invariant", "this option excludes all others", (f"{path}.answer[{n}]",))
