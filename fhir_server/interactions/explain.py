"""_explain=true: how a search was understood and executed, as a Parameters resource.

http://hl7.org/fhir/R4/parameters.html
"""

from typing import Any, Final

from fhir_server.context import Context
from fhir_server.outcome import BadRequest, Forbidden
from fhir_server.search.query import SearchRequest

PARAMETER: Final = "_explain"

Parameters = tuple[tuple[str, str], ...]


def split(ctx: Context, parameters: Parameters) -> tuple[Parameters, bool]:
    """The parameters without `_explain`, and whether it is true.

    Raises BadRequest for another value than true and false; Forbidden for who is no administrator, as plans tell about
    data that the caller may not see.
    """
    asked = False
    for name, value in parameters:
        if name == PARAMETER:
            if value not in ("true", "false"):
                raise BadRequest(f"_explain={value[:64]}: expected true or false", expression="http._explain")
            asked = asked or value == "true"
    if asked and ctx.settings.auth != "none":
        raise Forbidden("_explain is for administrators", expression="http._explain")
    return tuple(pair for pair in parameters if pair[0] != PARAMETER), asked


async def explained(ctx: Context, asked: SearchRequest) -> dict[str, Any]:
    """A Parameters resource: the `tree` that the search was understood as, what was `ignored` of it and what it includes;
    the `plan`; each `statement` with its steps (the database's own measure of work) and seconds; and all of it together.
    """
    found = await ctx.reader.explain(asked.query)
    parts = [_text("tree", "\n".join(found.tree))]
    parts += [_text("include", str(rule)) for rule in asked.include]
    parts += [_text("ignored", f"{name}: {reason}") for name, reason in asked.ignored]
    parts.append(_text("plan", "\n".join(found.plan)))
    for each in found.statements:
        statement = [_text("text", each.text), _number("steps", each.steps), _number("seconds", each.seconds)]
        parts.append({"name": "statement", "part": statement})
    parts += [_number("steps", found.steps), _number("matches", found.matches)]
    if found.total is not None:
        parts.append(_number("total", found.total))
    parts.append(_number("seconds", round(found.seconds, 6)))
    return {"resourceType": "Parameters", "parameter": parts}


def _text(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "valueString": value}


def _number(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "valueDecimal": value}
