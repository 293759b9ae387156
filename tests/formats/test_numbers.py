"""Numbers: a float with its text, within the range of a double and 100 characters."""

import copy
import pickle

import pytest

from fhir_server.formats.numbers import Exact, NumberRefused, decimal, integer


def test_exact_is_a_float_with_its_text() -> None:
    number = Exact("1.00")
    assert (number, repr(number), str(number), f"{number:.1f}", number + 1) == (1.0, "1.00", "1.00", "1.0", 2.0)
    assert copy.deepcopy({"a": number})["a"].text == "1.00"
    assert pickle.loads(pickle.dumps(number)).text == "1.00"


@pytest.mark.parametrize(
    "text", ["1.00", "-0.0", "1" * 100, "0." + "0" * 97 + "1", "1e300", "1E-323", "0e324", "5e-324"]
)
def test_decimal_keeps_its_text(text: str) -> None:
    assert (decimal(text).text, decimal(text)) == (text, float(text))


@pytest.mark.parametrize(
    "text", ["1" * 101, "0." + "0" * 98 + "1", "1e309", "1E-325", "0e325", "1e-99999999999999999999"]
)
def test_decimal_that_would_not_survive_is_refused(text: str) -> None:
    with pytest.raises(NumberRefused) as caught:
        decimal(text)
    assert caught.value.text == text


def test_integer_is_exact_only_where_it_must() -> None:
    read = [(type(integer(text)), str(integer(text))) for text in ("0", "-7", "9" * 18, "-0", "9" * 19, "-" + "9" * 99)]
    assert read == [
        (int, "0"),
        (int, "-7"),
        (int, "9" * 18),
        (Exact, "-0"),
        (Exact, "9" * 19),
        (Exact, "-" + "9" * 99),
    ]
