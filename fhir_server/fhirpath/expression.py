"""Expressions compiled once and evaluated many times.

http://hl7.org/fhirpath/N1/ and http://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fhir_server.fhirpath import closures
from fhir_server.fhirpath.budget import MAX_RESULTS, Budget
from fhir_server.fhirpath.check import check
from fhir_server.fhirpath.errors import FhirPathError, TooCostly
from fhir_server.fhirpath.node import Item, Node, root
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.scope import Environment, Run, Scope, truth
from fhir_server.fhirpath.syntax import Expression as Parsed
from fhir_server.fhirpath.syntax import Member, Path, Special

_NOTHING: Final = Environment()


class Expression:
    """One expression; immutable, safe to share between threads."""

    __slots__ = ("_evaluate", "parsed", "text")

    def __init__(self, text: str, parsed: Parsed | None = None) -> None:
        """FhirPathError for what is no expression; `parsed` where `text` was parsed before."""
        self.text = text
        self.parsed = parsed or parse(text)
        self._evaluate = closures.compiled(self.parsed)

    def __repr__(self) -> str:
        return f"<FHIRPath {self.text}>"

    def check(self, type: str) -> None:  # noqa: A002  # FHIR's word
        """FhirPathError where the expression names elements that R4 does not have, starting from `type`."""
        check(self.parsed, type)

    def types(self, type: str) -> frozenset[str] | None:  # noqa: A002  # FHIR's word
        """The FHIR types that results can have on a resource of `type`; None where that cannot be told beforehand.

        Raises FhirPathError as `check` does.
        """
        return check(self.parsed, type)

    @property
    def member(self) -> "tuple[Expression, str] | None":
        """`Patient.name.given` as `Patient.name` and "given"; None where the last step is no element's name."""
        match self.parsed:
            case Path(head, (*before, Member(name)), at) if before or head:
                return Expression(self.text, Path(head, tuple(before), at) if before else head), name
            case Path(None, (Member(name),), at) if not name[:1].isupper():
                return Expression(self.text, Special("this", at)), name
            case _:
                return None

    def evaluate(
        self,
        context: Node | Mapping[str, Any] | None,
        *,
        resource: Node | None = None,
        root_resource: Node | None = None,
        environment: Environment = _NOTHING,
        strict: bool = False,
        budget: Budget | None = None,
    ) -> list[Item]:
        """The result on `context` (a resource or one of its nodes): nodes of it and values of the language.

        `resource` is `%resource`, found from `context` where not given: the resource that it stands in; `root_resource`
        is `%rootResource`, the container of a contained one. `strict` makes FHIRPath's stricter rules hold (as() and iif()).
        FhirPathError for what cannot be evaluated, TooCostly past the limits; pass one `budget` to bound several together.
        """
        node = context if isinstance(context, Node) or context is None else root(context)
        items: list[Item] = [] if node is None else [node]
        run = Run(items, environment, budget or environment.budget(), (resource, root_resource), strict=strict)
        try:
            found = self._evaluate(Scope(run, items))
        except RecursionError:
            raise TooCostly("FHIRPath: the resource is nested too deeply for this expression") from None
        if len(found) > MAX_RESULTS:
            raise TooCostly(f"FHIRPath: {len(found):,} results; at most {MAX_RESULTS:,} are given")
        return found

    def holds(
        self,
        context: Node | Mapping[str, Any],
        *,
        resource: Node | None = None,
        environment: Environment = _NOTHING,
        budget: Budget | None = None,
    ) -> bool:
        """Whether the expression, an invariant, is kept by `context`: an empty result breaks nothing.

        R4's own need it so: ref-1 is empty for a Reference without `reference`, bdl-8 for an entry without fullUrl.
        """
        found = self.evaluate(context, resource=resource, environment=environment, budget=budget)
        return truth(found, "An invariant") is not False


@lru_cache(maxsize=2048)
def compile(expression: str) -> Expression:  # noqa: A001  # FHIRPath's word, too
    """The compiled `expression`, from a cache where it was compiled before; FhirPathError for what is none."""
    if not isinstance(expression, str):
        raise FhirPathError("FHIRPath: an expression is a string")
    return Expression(expression)
