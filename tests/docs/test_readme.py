"""What the README and its neighbours claim holds: commands, interactions, settings, links."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from fhir_server.cli.main import application
from fhir_server.settings import Settings, table
from tests.http.server import running
from tests.http.wire import Wire

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "DECISIONS.md",
    "CHANGELOG.md",
    "examples/README.md",
    "examples/first-requests.md",
]


@cache
def text(page: str) -> str:
    return (CHECKOUT / page).read_text()


def commands() -> dict[str, Any]:
    found: dict[str, Any] = get_command(application).commands  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with running("--demo", cwd=tmp_path_factory.mktemp("readme")) as server, Wire(server.port) as connection:
        yield connection


def test_two_commands_are_targets_of_the_makefile() -> None:
    first = re.search(r"```sh\n(.*?)```", text("README.md"), re.DOTALL)
    assert first is not None
    targets = re.findall(r"^make (\w+)", first[1], re.MULTILINE)
    assert targets == ["run", "test"]
    assert [t for t in targets if not re.search(rf"^{t}:", text("Makefile"), re.MULTILINE)] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_that_are_named_exist(page: str) -> None:
    named = set(re.findall(r"`make (\w+)", text(page)))
    assert {t for t in named if not re.search(rf"^{t}:", text("Makefile"), re.MULTILINE)} == set()


def test_readme_names_every_command() -> None:
    operating = next(line for line in text("README.md").splitlines() if line.startswith("| Operating |"))
    assert {name for name in commands() if f"`{name}`" not in operating} == set()
    assert set(re.findall(r"fhir-server (\w+)", text("README.md"))) <= set(commands())


def test_command_lines_of_the_readme_use_options_that_exist() -> None:
    for name, rest in re.findall(r"fhir-server (\w+)((?: --?[\w-]+(?: [^-\s]\S*)?)*)", text("README.md")):
        known = {option for parameter in commands()[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= known, name


def test_every_command_and_option_says_what_it_does() -> None:
    silent = [
        (name, parameter.name)
        for name, command in commands().items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []
    assert [name for name, command in commands().items() if not command.help] == []


def test_options_of_serve_are_settings() -> None:
    known = {row[0].removeprefix("FHIR_").lower() for row in table()}
    assert {parameter.name for parameter in commands()["serve"].params} <= known


def test_readme_says_where_the_settings_are() -> None:
    assert "`fhir-server settings` lists every knob" in text("README.md")
    assert len(Settings.__dataclass_fields__) == len(list(table()))


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text(page))
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not ((CHECKOUT / page).parent / target).exists()] == []


ROW = {
    "read": "read",
    "vread": "vread",
    "create": "create",
    "update": "update",
    "patch": "patch",
    "delete": "delete",
    "history": "history-instance",
    "batch": "batch",
    "transaction": "transaction",
}


def test_interactions_of_the_table_are_announced(wire: Wire) -> None:
    row = next(line for line in text("README.md").splitlines() if line.startswith("| Interactions |"))
    rest = wire.request("GET", "/fhir/metadata").json()["rest"][0]
    announced = {each["code"] for each in rest["interaction"]}
    announced |= {each["code"] for each in rest["resource"][0]["interaction"]}
    claimed = {code for word, code in ROW.items() if re.search(rf"\b{word}\b", row)}
    assert claimed == set(ROW.values())
    assert claimed - announced == set()
    patient = next(each for each in rest["resource"] if each["type"] == "Patient")
    conditional = {name: patient.get(name) for name in ("conditionalCreate", "conditionalUpdate", "updateCreate")}
    assert conditional == dict.fromkeys(conditional, True)
    assert (patient["conditionalRead"], patient["conditionalDelete"]) == ("full-support", "multiple")


def test_first_requests_of_the_readme_answer(wire: Wire) -> None:
    for line in re.findall(r"^curl .*?(http://127\.0\.0\.1:8000[^\s']*)'?$", text("README.md"), re.MULTILINE):
        answer = wire.request("GET", line.removeprefix("http://127.0.0.1:8000"))
        assert answer.status == 200, line
        if "?name=" in line:
            assert answer.json()["total"] > 0
