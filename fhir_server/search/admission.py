"""Whether a SearchParameter resource can take effect here; everything that stands in the way is told at once.

http://hl7.org/fhir/R4/searchparameter.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.definitions import Component, SearchParameter, definitions
from fhir_server.fhirpath import FhirPathError
from fhir_server.fhirpath import compile as compiled
from fhir_server.outcome import Issue, Unprocessable
from fhir_server.search.compile import mixed
from fhir_server.search.expression import Branch, UnsupportedExpression, branches
from fhir_server.search.parameters import computed_types, indexed
from fhir_server.search.registry import Added, Registry, under
from fhir_server.search.results import PASSED_OVER, READERS
from fhir_server.search.types import CONVERTERS

CODE: Final = re.compile(r"-?[A-Za-z][A-Za-z0-9_\-]{0,63}", re.ASCII)
"""What can stand in a URL without meaning anything else: no `:` `.` `|` `,`; R4 keeps `_` at the beginning for itself."""

ABSTRACT: Final = ("Resource", "DomainResource")
USAGES: Final = ("normal", "other")


def definition(resource: Mapping[str, Any]) -> SearchParameter:
    """The structurally valid resource as the definitions have them."""
    return SearchParameter(
        code=resource["code"],
        url=resource["url"],
        base=tuple(resource.get("base", ())),
        type=resource["type"],
        expression=resource.get("expression"),
        targets=tuple(resource.get("target", ())),
        components=tuple(Component(c["definition"], c["expression"]) for c in resource.get("component", ())),
        comparators=tuple(resource.get("comparator", ())),
        modifiers=tuple(resource.get("modifier", ())),
        chains=tuple(resource.get("chain", ())),
        multiple_or=resource.get("multipleOr", True),
        multiple_and=resource.get("multipleAnd", True),
        description=resource.get("description", ""),
    )


def admitted(resource: Mapping[str, Any], others: Registry) -> SearchParameter | None:
    """The parameter that a valid, active SearchParameter adds to `others`; None for one that says what R4's own says, under
    its canonical URL or another one (US Core says most of R4's again, to oblige servers to them).

    Raises Unprocessable with an issue for each thing that is wrong.
    """
    found = definition(resource)
    own = definitions().all_search_parameters.get(found.url)
    if own is not None and _says(found) == _says(own):
        return None
    types, derived = _types(found), resource.get("derivedFrom", "")
    if own is None and types and all(_restates(found, type_, derived) for type_ in types):
        return None
    issues = [*_code(found, own), *_taken(found, others), *_base(found), *_usage(resource)]
    if not issues:
        issues = [*(_composite(found, others) if found.type == "composite" else _elements(found))]
    if issues:
        raise Unprocessable(issues=issues)
    return found


def _says(p: SearchParameter) -> tuple[object, ...]:
    """What makes a parameter the same as R4's, however it is described."""
    return p.code, p.type, frozenset(p.base), "".join((p.expression or "").split())


def _issue(element: str, text: str, code: str = "business-rule") -> Issue:
    return Issue(code, text, (f"SearchParameter.{element}",))


def _code(p: SearchParameter, own: SearchParameter | None) -> Iterator[Issue]:
    if own is not None:
        yield _issue(
            "url", f"{p.url} is R4's own parameter {own.code}, and says something else: it cannot be changed here"
        )
    if CODE.fullmatch(p.code) is None or p.code in READERS or p.code in PASSED_OVER:
        yield _issue(
            "code", f"{p.code[:64]!r} cannot stand in a URL: letters, digits, '-' and '_', a letter first, 64 at most"
        )


def _types(p: SearchParameter) -> list[str]:
    """The concrete types that it is defined on."""
    return [t for t in definitions().resource_types if any(definitions().is_a(t, base) for base in _known(p))]


def _restates(p: SearchParameter, type_: str, derived: str) -> bool:
    """R4's parameter of this code is what it is derived from, or speaks of the same elements of the type."""
    own = definitions().search_parameters(type_).get(p.code)
    if own is None or own.type != p.type:
        return False
    if derived.partition("|")[0] == own.url:
        return True
    try:
        return bool(p.expression) and _elements_of(p, type_) == _elements_of(own, type_) != frozenset()
    except UnsupportedExpression:
        return False


def _elements_of(p: SearchParameter, type_: str) -> frozenset[Branch]:
    fitting = CONVERTERS.get(p.type, {})
    return frozenset(b for b in branches(p.expression or "", type_) if b.type in fitting or b.truth)


def _taken(p: SearchParameter, others: Registry) -> Iterator[Issue]:
    for added in others.added:
        if added.definition.url == p.url:
            yield _issue("url", f"{p.url} is defined already, by {added.source}", "duplicate")
            return
    for type_ in _types(p):
        there = others.defined(type_).get(p.code)
        if there is not None:
            whose = "R4's own" if there.url in definitions().all_search_parameters else "there already"
            yield _issue("code", f"{type_} has a parameter {p.code!r}, {whose}: {there.url}", "duplicate")
            return


def _known(p: SearchParameter) -> list[str]:
    return [base for base in p.base if base in ABSTRACT or definitions().is_resource(base)]


def _base(p: SearchParameter) -> Iterator[Issue]:
    if not p.base:
        yield _issue("base", "A parameter is of one resource type at least", "required")
    for n, base in enumerate(p.base):
        if base not in ABSTRACT and not definitions().is_resource(base):
            yield _issue(f"base[{n}]", f"{base[:64]!r} is no resource type of R4")
    for n, target in enumerate(p.targets):
        if not definitions().is_resource(target):
            yield _issue(f"target[{n}]", f"{target[:64]!r} is no resource type of R4")


def _usage(resource: Mapping[str, Any]) -> Iterator[Issue]:
    usage = resource.get("xpathUsage", "normal")
    if usage not in USAGES:
        yield _issue("xpathUsage", f"{usage} is not supported; {' and '.join(USAGES)} are", "not-supported")


def _elements(p: SearchParameter) -> Iterator[Issue]:
    """What is wrong with type and expression, for each type that it is defined on."""
    if p.type not in CONVERTERS:
        yield _issue("type", f"parameters of type {p.type} need code of their own in the server", "not-supported")
        return
    if not p.expression:
        yield _issue("expression", "An expression is needed: without one nothing can be indexed", "required")
        return
    for type_ in _concrete(p):
        problem = _problem(p, type_)
        if problem:
            yield _issue("expression", problem)
            return


def _concrete(p: SearchParameter) -> tuple[str, ...]:
    """Types to look at; of those that stand for many, one."""
    return tuple("Patient" if base in ABSTRACT else base for base in p.base)


def _problem(p: SearchParameter, type_: str) -> str:
    """Why resources of this type cannot be indexed; "" where they can."""
    expression, fitting = str(p.expression), CONVERTERS[p.type]
    try:
        ways = branches(expression, type_)
    except UnsupportedExpression:
        return _computed_problem(p, type_)
    if any(way.type in fitting or way.truth for way in ways):
        return ""
    if not ways:
        return f"{expression} names no element that {type_} has"
    found = ", ".join(sorted({way.type for way in ways})[:5])
    return f"{expression} leads to {found} on {type_}; a parameter of type {p.type} takes {', '.join(fitting)}"


def _computed_problem(p: SearchParameter, type_: str) -> str:
    """The same for FHIRPath beyond simple paths: it is understood, and its elements fit as far as that can be told."""
    try:
        compiled(str(p.expression)).check(type_)
    except FhirPathError as error:
        return str(error)
    if not computed_types(p, type_):
        return (
            f"{p.expression} leads to nothing that a parameter of type {p.type} takes: {', '.join(CONVERTERS[p.type])}"
        )
    return ""


def _composite(p: SearchParameter, others: Registry) -> Iterator[Issue]:
    """Components are parameters that are known and can be searched by, on every type."""
    if not p.expression or len(p.components) < 2:
        yield _issue("component", "A composite has an expression and two components or more", "required")
        return
    known = {a.definition.url: a.definition for a in others.added}
    issues = []
    for n, component in enumerate(p.components):
        url = component.definition.partition("|")[0]
        part = definitions().all_search_parameters.get(url) or known.get(url)
        if part is None:
            issues.append(_issue(f"component[{n}].definition", f"There is no search parameter {url}", "not-found"))
        elif part.type in ("composite", "special"):
            text = f"{part.code} is {part.type}, which cannot be a component"
            issues.append(_issue(f"component[{n}].definition", text))
    yield from issues
    if issues:
        return
    try:
        with under(Registry((*others.added, Added(p, "", 0)))):
            for type_ in _concrete(p):
                if p.code not in indexed(type_):
                    text = (
                        f"On {type_} nothing is kept in the index of one of the components: its elements must be those"
                    )
                    yield _issue("component", f"{text} of the parameter that its definition names")
                elif code := mixed(type_):
                    text = f"On {type_} the base of one composite lies within that of {code}, whose components lie there too"
                    yield _issue("expression", text, "not-supported")
    except UnsupportedExpression:
        yield _issue("expression", "The base and the components of a composite are simple paths")
