"""Answers are kept within their bounds.

http://hl7.org/fhir/R4/terminology-service.html
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.terminology.remote.answers import ABOUT_AN_ANSWER, Answers, Question, Reply


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3_000)), max_size=60), st.integers(0, 8_000))
def test_the_bytes_that_are_kept_are_bounded_and_the_newest_stay(kept: list[tuple[int, int]], most: int) -> None:
    answers = Answers(most)
    for number, size in kept:
        question, reply = Question(f"CodeSystem/$lookup?code={number}"), Reply(200, b" " * size)
        answers.keep(question, reply, 60)
        assert answers.size <= most
        expected: Reply | None = reply if size + ABOUT_AN_ANSWER <= most else None
        assert answers.find(question) == expected
    found = [answers.find(Question(f"CodeSystem/$lookup?code={n}")) for n in range(21)]
    assert sum(len(each.raw) + ABOUT_AN_ANSWER for each in found if each is not None) == answers.size


def test_what_was_used_last_goes_last() -> None:
    answers = Answers(2 * ABOUT_AN_ANSWER)
    first, second, third = (Question(name) for name in "abc")
    for question in (first, second):
        answers.keep(question, Reply(200, b""), 60)
    answers.find(first)
    answers.keep(third, Reply(200, b""), 60)
    assert [answers.find(q) is not None for q in (first, second, third)] == [True, False, True]


def test_old_answers_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("fhir_server.terminology.remote.answers.monotonic", lambda: now)
    answers, question = Answers(10_000), Question("a", b"{}")
    answers.keep(question, Reply(200, b"{}"), 5)
    assert answers.find(question) == Reply(200, b"{}")
    now += 6
    assert (answers.find(question), answers.size) == (None, 0)


def test_questions_differ_by_path_and_body() -> None:
    names = {Question(path, body).name for path in ("a", "a?b=c") for body in (None, b"{}", b'{"a":1}')}
    assert len(names) == 6


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"resourceType":"OperationOutcome","issue":[{"code":"too-costly"}]}', "too-costly"),
        (b'{"issue":[{"code":"<script>"}]}', "processing"),
        (b'{"issue":[{"code":7}]}', "processing"),
        (b'{"issue":"none"}', "processing"),
        (b"[]", "processing"),
    ],
)
def test_of_a_refusal_only_its_code_is_shown(raw: bytes, code: str) -> None:
    assert Reply(422, raw).code == code
