"""What a terminology operation is called with, read by its types; what is wrong with it, as HTTP says it.

http://hl7.org/fhir/R4/operations.html#request
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, Final

from fhir_server.context import Body, Context, Handler, Request, Response
from fhir_server.dates import DateError, date_range, micros
from fhir_server.model import Key
from fhir_server.operations.parameters import Arguments, arguments
from fhir_server.outcome import BadRequest, FhirError, NotFound, Unprocessable
from fhir_server.terminology.contexts import bound
from fhir_server.terminology.judgement import Coding
from fhir_server.terminology.memory import Table, table_of
from fhir_server.terminology.sources import Sources

Json = Mapping[str, Any]

MOST_TEXT: Final = 2048
"""Characters of a parameter."""
MOST_CODINGS: Final = 1_000
_STATUS: Final[Mapping[str, type[FhirError]]] = {
    "not-found": NotFound,
    "too-costly": Unprocessable,
    "not-supported": Unprocessable,
    "invalid": Unprocessable,
}


class Call:
    """The arguments of one call. All methods raise BadRequest, which names the parameter."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._given: Arguments = arguments(request)

    def text(self, name: str) -> str | None:
        found = self._given.one(name)
        if found is None or found == "":
            return None
        if not isinstance(found, str):
            raise _wrong(name, "a text")
        if len(found) > MOST_TEXT:
            raise BadRequest(f"{name} may have {MOST_TEXT} characters", code="too-long", expression=f"http.{name}")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        found = self._given.values.get(name, ())
        if not all(isinstance(each, str) for each in found):
            raise _wrong(name, "a text")
        return found

    def flag(self, name: str) -> bool | None:
        found = self._given.one(name)
        if found in (True, "true"):
            return True
        if found in (False, "false"):
            return False
        if found is None:
            return None
        raise _wrong(name, "true or false")

    def number(self, name: str) -> int | None:
        """Not negative."""
        found = self._given.one(name)
        if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 10:
            return int(found)
        if found is None or (isinstance(found, int) and not isinstance(found, bool) and found >= 0):
            return found
        raise _wrong(name, "a number that is not negative")

    def element(self, name: str) -> Json | None:
        found = self._given.one(name)
        if found is not None and not isinstance(found, Mapping):
            raise _wrong(name, "an element in a Parameters resource")
        return found

    def parts(self, name: str) -> list[dict[str, Any]]:
        """Of each parameter of this name that has parts, name → value of these; of a repeated part the last."""
        body = self.request.body
        given = (
            () if body is None or body.plain.get("resourceType") != "Parameters" else body.plain.get("parameter", ())
        )
        return [
            {
                part["name"]: next((v for k, v in part.items() if k.startswith("value")), None)
                for part in each.get("part", ())
            }
            for each in given
            if each["name"] == name
        ]

    def resource(self, name: str, type_: str) -> Json | None:
        """The resource that came along, as the parameter or as the bare body."""
        found = self._given.one(name)
        bare = self._given.one("resource")
        if found is None and isinstance(bare, Body) and bare.plain.get("resourceType") == type_:
            found = bare
        if found is not None and (not isinstance(found, Body) or found.plain.get("resourceType") != type_):
            raise _wrong(name, f"a {type_}")
        return None if found is None else found.plain

    def coding(self, code: str = "code", coding: str = "coding", system: str | None = None) -> Coding | None:
        """The code (with system, version and display) or Coding that is meant; `system` where nothing is said of it."""
        element = self.element(coding)
        if element is not None:
            return self._coding(element, system)
        found = self.text(code)
        if found is None:
            return None
        version = self.text("systemVersion") or self.text("version") or ""
        return Coding(self.text("system") or system, found, version, self.text("display"), self._language())

    def elements(self, name: str) -> list[Coding]:
        """The Codings that the parameter has, each with its system."""
        found = self._given.values.get(name, ())
        if len(found) > MOST_CODINGS:
            raise BadRequest(
                f"{name} may be given {MOST_CODINGS:,} times", code="too-costly", expression=f"http.{name}"
            )
        if not all(isinstance(each, Mapping) and "code" in each and "system" in each for each in found):
            raise _wrong(name, "a Coding with system and code, in a Parameters resource")
        return [self._coding(each, None) for each in found]

    def codings(self, system: str | None = None) -> list[Coding]:
        """Those of code, coding or codeableConcept. Raises BadRequest where there is none."""
        concept = self.element("codeableConcept")
        if concept is not None:
            found = [self._coding(each, system) for each in concept.get("coding", ()) if "code" in each]
        else:
            one = self.coding(system=system)
            found = [] if one is None else [one]
        if not found and concept is None:
            raise BadRequest("one of code, coding and codeableConcept is needed", code="required", expression="http.code")  # fmt: skip
        return found

    def _coding(self, element: Json, system: str | None) -> Coding:
        if "code" not in element:
            raise BadRequest("the Coding has no code", code="required", expression="http.coding")
        return Coding(element.get("system") or system, element["code"], element.get("version", ""), element.get("display"), self._language())  # fmt: skip

    def _language(self) -> str:
        return self.text("displayLanguage") or ""

    def require_present(self, now: datetime) -> None:
        """Definitions are asked for as they are. Raises BadRequest for a `date` that is over: what was then is not kept in order."""
        text = self.text("date")
        if text is None:
            return
        try:
            _, end = date_range(text)
        except DateError as error:
            raise BadRequest(str(error), code="value", expression="http.date") from error
        if end <= micros(now):
            raise BadRequest(f"definitions as they were on {text} cannot be told, only those of now: leave date out, or name versions", code="not-supported", expression="http.date")  # fmt: skip

    async def value_set(self, sources: Sources) -> str:
        """The canonical of the value set that is named by its url, or by the element that it is bound to."""
        url, context = self.text("url"), self.text("context")
        if url is None and context is None:
            raise BadRequest("one of url, context and valueSet is needed", code="required", expression="http.url")
        return versioned(url, self.text("valueSetVersion")) if url is not None else await bound(sources, context or "")

    def sources(self, ctx: Context) -> Sources:
        """Code systems and value sets as this request sees them, with the CodeSystem that came along."""
        came = self.resource("codeSystem", "CodeSystem")
        given: tuple[Table, ...] = () if came is None else (table_of(came),)
        return Sources(ctx.reader, ctx.server.base_url, given, ctx.server.remote)


def _wrong(name: str, expected: str) -> BadRequest:
    return BadRequest(f"{name}: expected {expected}", code="value", expression=f"http.{name}")


def versioned(url: str, version: str | None) -> str:
    """A canonical, with the version unless it has one."""
    return f"{url}|{version}" if version and "|" not in url else url


async def instance(ctx: Context, request: Request) -> Json:
    """The stored resource that the operation is called on. Raises NotFound."""
    version = await ctx.reader.read(Key(request.type, request.id))
    if version is None or version.deleted:
        raise NotFound(f"There is no {request.type}/{request.id}")
    return version.resource


def answers(handler: Callable[[Context, Request, Call], Awaitable[Json]]) -> Handler:
    """The operation: 200 with the resource; 404 for what is not known here, 422 for what costs too much or is not supported."""

    @wraps(handler)
    async def answer(ctx: Context, request: Request) -> Response:
        try:
            call = Call(request)
            call.require_present(ctx.now)
            return Response(200, resource=await handler(ctx, request, call))
        except BadRequest as error:
            status = _STATUS.get(error.issues[0].code)
            if status is None or type(error) is not BadRequest:
                raise
            raise status(issues=error.issues, headers=error.headers) from error

    return answer


def parameters(*parts: tuple[str, str, Any]) -> dict[str, Any]:
    """A Parameters resource of (name, type of the value, value); those without a value are left out."""
    return {"resourceType": "Parameters", "parameter": [each for each in map(parameter, parts) if each is not None]}


def parameter(part: tuple[str, str, Any]) -> dict[str, Any] | None:
    name, kind, value = part
    if value is None:
        return None
    if kind == "part":
        return {"name": name, "part": [each for each in map(parameter, value) if each is not None]}
    return {"name": name, f"value{kind[0].upper()}{kind[1:]}": value}
