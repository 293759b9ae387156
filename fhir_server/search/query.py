"""What a search means, settled: the tree that a store answers. No URL in it, no SQL.

http://hl7.org/fhir/R4/search.html. Every prefix, modifier, partial date and implicit precision is decided before a store
sees the tree (`search.parse`); what is left are comparisons of the fields of index entries.

Fields of an entry's value, by the kind of value:

    Token       system, code             text comparisons: EQ and NE (system "" = no system); ONE and NONE on system: it is one
                                         of the lines of the value, or none of them
    Text        folded                   STARTS, CONTAINS, WORDS: each word of the value begins one of the text (`:text`)
    String      folded, original         STARTS, ENDS, CONTAINS, WORDS (`:text`), EQ NE LT LE GT GE (by code points) on
                                         folded; EQ and NE on original (`:exact`)
    Reference   type, id, version, url   EQ; a local reference has type and id, an absolute or canonical one has url;
                                         STARTS on version (`:below` of a canonical)
    Identifier  system, code             EQ (`:identifier` of a reference)
    DateRange   low, high                EQ LT LE GT GE on microseconds since 1970 (UTC): the period is [low, high)
    Number      low, high                as above, on numbers; the search value's implicit range is in the comparisons
    Quantity    low, high, system, code, unit     numbers as above; EQ on text. System UCUM with a code means every unit that is
                                         commensurable with it: the bounds are converted (search.types.ucum)
    Uri         value, version           EQ, NE, STARTS (`:below`)
    Point       latitude, longitude      none: see Near
    Prose       words                    WORDS: each word of the value stands in it (one that ends in * begins one);
                                         CONTAINS: the words of the value stand in it one after another
    Contained   none: see Contains
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fhir_server.model import Version

# ---- what is indexed
# msgspec structs: made in a tenth of a dataclass's time, compared by type and value, packed as they are.


class _Entry(msgspec.Struct, frozen=True, array_like=True, tag=True, tag_field="value_kind", gc=False):
    """Packs to a msgpack array that begins with the class's name."""


class Token(_Entry, frozen=True):
    """A code within a system; system "" where the resource gives none. Case-insensitive parameters fold on extraction."""

    system: str
    code: str


class Text(_Entry, frozen=True):
    """Words that go with a token, folded: Coding.display, CodeableConcept.text, Identifier.type.text."""

    folded: str


class String(_Entry, frozen=True):
    """A text: `folded` without case, accents and runs of white space; `original` as it stands in the resource.

    With `original` "" it is a later part of a text that has an entry of the same parameter itself: found by, never sorted by.
    """

    folded: str
    original: str


class Reference(_Entry, frozen=True):
    """A reference to a resource here (type and id, version where given) or elsewhere (`url`, the others "")."""

    type: str = ""
    id: str = ""
    version: str = ""
    url: str = ""


class Identifier(_Entry, frozen=True):
    """Reference.identifier of a reference: searched with `:identifier`."""

    system: str
    code: str


class DateRange(_Entry, frozen=True):
    """The time from `low` (inclusive) to `high` (exclusive), in microseconds since 1970 UTC; open ends are ±2**62."""

    low: int
    high: int


class Number(_Entry, frozen=True):
    """A number (low = high), or a range of numbers; open ends are ±infinity."""

    low: float
    high: float


class Quantity(_Entry, frozen=True):
    """A quantity (low = high) or a range of quantities, with its unit; "" where a part is absent."""

    low: float
    high: float
    system: str = ""
    code: str = ""
    unit: str = ""


class Uri(_Entry, frozen=True):
    """A URI or canonical without its version; `version` "" where there is none."""

    value: str
    version: str = ""


class Point(_Entry, frozen=True):
    """A place on Earth in degrees, WGS84: latitude from -90 to 90, longitude from -180 to 180."""

    latitude: float
    longitude: float


class Prose(_Entry, frozen=True):
    """The words (`search.prose.words`) of a narrative (param `_text`) or of all texts of a resource (`_content`), in their
    order: at most one of each.

    A store keeps what finds it, not the words: they are in the resource.
    """

    words: str


class Contained(_Entry, frozen=True):
    """A resource inside this one (param `_contained`): its type, its id without `#`, and what it is found by itself."""

    type: str
    id: str
    entries: tuple["IndexEntry", ...]


Value = Token | Text | String | Reference | Identifier | DateRange | Number | Quantity | Uri | Point | Prose | Contained


class IndexEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that a resource can be found by.

    `param` is the search parameter's code (an alias such as `patient` is settled by the parser: `subject` with a target
    type). `group` numbers the base element that composites must agree on (0: the resource itself).
    """

    param: str
    value: Value
    group: int = 0


OPEN_LOW, OPEN_HIGH = -(2**62), 2**62

# ---- the tree


class _Node(msgspec.Struct, frozen=True, cache_hash=True):
    """Immutable, and quick to look up by: what is asked again is found by its tree."""


class Op(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    STARTS = "starts"
    ENDS = "ends"
    CONTAINS = "contains"
    WORDS = "words"
    ONE = "one"
    NONE = "none"


class Compare(_Node, frozen=True):
    """One comparison of one field of an entry's value (`field` from the table at the top of this file)."""

    kind: type[Value]
    field: str
    op: Op
    value: str | int | float


class Match(_Node, frozen=True):
    """The resource has an entry of `param` for which all comparisons of one alternative hold (commas are alternatives)."""

    param: str
    anyof: tuple[tuple[Compare, ...], ...]


class Together(_Node, frozen=True):
    """Entries of one group (one base element, `IndexEntry.group`) fulfil all of `of`: a composite parameter (R4 §3.1.1.4.10)."""

    of: tuple[Match, ...]


class Near(_Node, frozen=True):
    """The resource has a Point of `param` within `metres` of the place, along the great circle."""

    param: str
    latitude: float
    longitude: float
    metres: float


class Contains(_Node, frozen=True):
    """The resource contains one of type `type` for which `where` holds (`_contained`). Hit.contained names those that it is."""

    type: str
    where: "Node"


class Ids(_Node, frozen=True):
    """`_id`: the logical id is one of these (a column of every store, not an index entry)."""

    anyof: tuple[str, ...]


class LastUpdated(_Node, frozen=True):
    """`_lastUpdated`: comparisons on meta.lastUpdated in microseconds since 1970 (a column); all hold."""

    tests: tuple[tuple[Op, int], ...]


class Missing(_Node, frozen=True):
    """`:missing=true`: the resource has no entry of `param` of these kinds."""

    param: str
    kinds: tuple[type[Value], ...]


class Chain(_Node, frozen=True):
    """The resource refers by `param` to a current resource of type `target` for which `where` holds, or to one of that type
    that it contains (R4 §3.1.1.4.12: chained conditions are evaluated inside contained resources).
    """

    param: str
    target: str
    where: "Node"


class Has(_Node, frozen=True):
    """A current resource of type `source` for which `where` holds refers to this one by its `param` (`_has`)."""

    source: str
    param: str
    where: "Node"


class InValueSet(_Node, frozen=True):
    """A placeholder (`:in`): the resource has a Token of `param` that is a member of the value set. `name` is the parameter
    as it was written. `search.settle` replaces placeholders before a store sees the tree.
    """

    param: str
    url: str
    name: str


class Subsumed(_Node, frozen=True):
    """A placeholder: the resource has a Token of `param` that is the concept or one below it (`:below`), or above (`:above`).

    System "": of any code system that has the code.
    """

    param: str
    system: str
    code: str
    above: bool
    name: str


class Lineage(_Node, frozen=True):
    """A placeholder: the resource refers by `param` to that resource of type `type`, to one that is part of it however far
    (`:below`), or to one that it is part of (`:above`). `by` is the parameter under which `type` keeps what it is part of.
    """

    param: str
    type: str
    id: str
    by: str
    above: bool
    name: str


Placeholder = InValueSet | Subsumed | Lineage


class And(_Node, frozen=True):
    of: tuple["Node", ...]


class Or(_Node, frozen=True):
    of: tuple["Node", ...]


class Not(_Node, frozen=True):
    of: "Node"


Node = Match | Together | Near | Contains | Ids | LastUpdated | Missing | Chain | Has | And | Or | Not | Placeholder

EVERYTHING = And(())
NOTHING = Or(())


# ---- the question and the answer


class Total(StrEnum):
    """`_total`; an estimate may be exact."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Sort(_Node, frozen=True):
    """One `_sort` rule. `param` is `_id`, `_lastUpdated` or a code; `kind` is the kind of entry whose lowest (ascending) or
    highest (descending) field is compared: String.folded (of whole texts), Token.code, DateRange.low, Number.low, Uri.value,
    Reference.id; for a Point its distance from `origin` (latitude, longitude). Resources without such an entry come last,
    whatever the direction. Equal ones come in the order of creation, newest first where the first rule descends. `chain`: the
    entry is that of the resource referred to, by (parameter, target type) after another.

    `_score`, of the kind Prose: by how well they match the words that the query looks for (Hit.score), the best first, or
    descending the worst. Words weigh on every page as they did on page one.
    """

    param: str
    kind: type[Value] | None
    descending: bool = False
    chain: tuple[tuple[str, str], ...] = ()
    origin: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The store's business: which versions, in which order, how many.

    `where` maps each type searched to its tree (a system search has several types). Without `sort` the order is the
    newest-created first. `after` continues a page: the `next` or `previous` of an earlier Page, opaque to all but its store.
    `count` 0 asks for the total alone.
    """

    where: dict[str, Node]
    sort: tuple[Sort, ...] = ()
    count: int = 20
    after: str | None = None
    total: Total = Total.NONE


class Hit(msgspec.Struct, frozen=True):
    """One match of a search: how well it matched (0 to 1, where words were looked for), how far away it is (metres, where
    the query has a Near), which of its contained resources matched (their ids, where the query has a Contains).
    """

    version: "Version"
    score: float | None = None
    distance: float | None = None
    contained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search; `next` and `previous` continue it (None: there is none), `last` leads to the last page where a
    store has it cheaply. `total` as far as it was asked for.

    `touched`: for sorts on what can change, how many resources were touched since page one and so may have been missed.
    """

    hits: tuple[Hit, ...]
    next: str | None = None
    previous: str | None = None
    total: int | None = None
    touched: int = 0
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement of a store, what it took in the store's own steps, and in seconds. Values do not stand in it."""

    text: str
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a search was understood and executed, for a person: the `tree` in lines; the `plan`, which says what could lead, about
    how many resources each of these yields, and what leads; the `statements` that ran, with all their `steps`; the matches on
    the page, the total as far as it was asked for, and the seconds it all took.
    """

    tree: tuple[str, ...]
    plan: tuple[str, ...]
    statements: tuple[Executed, ...]
    steps: int
    matches: int
    total: int | None
    seconds: float


# ---- what the caller may see


@dataclass(frozen=True, slots=True)
class Access:
    """What a principal may see: for each type a tree that the store ANDs in at every alias. A type that is not named is
    wholly visible only when `everything` is set; otherwise nothing of it is.
    """

    principal: str
    everything: bool = False
    where: dict[str, Node] = field(default_factory=dict)

    def of(self, type_: str) -> Node:
        """The tree for this type: EVERYTHING, NOTHING or what the policy says."""
        return self.where.get(type_, EVERYTHING if self.everything else NOTHING)


UNRESTRICTED = Access("server", everything=True)


# ---- the Bundle's business


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` / `_revinclude` of `source:param[:target]`; param "*" is every reference parameter, source "*" every type;
    `iterate` repeats it.
    """

    source: str
    param: str
    target: str | None = None
    reverse: bool = False
    iterate: bool = False

    def __str__(self) -> str:
        """As it is written in a URL."""
        name = f"{'_revinclude' if self.reverse else '_include'}{':iterate' if self.iterate else ''}"
        parts = ["*"] if self.source == "*" else [self.source, self.param, *([self.target] if self.target else [])]
        return f"{name}={':'.join(parts)}"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A whole search URL, understood. `used` are the parameters that took part, in order, decoded: the self link.

    `summary` is "", true, text, data, count or false; `ignored` names parameters that lenient handling passed over, each
    with the reason (they come back as an outcome entry). `unsettled`: there are placeholders in the trees. `contained` is
    `_contained`, "" (false), true or both: then the trees are those of containers; `contained_type` is `_containedType`,
    container or contained. `now` is the moment that relative meanings (`ap`, `_at`) hang on.
    """

    query: SearchQuery
    include: tuple[Include, ...] = ()
    elements: tuple[str, ...] = ()
    summary: str = ""
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    now: datetime | None = None
    unsettled: bool = False
    contained: str = ""
    contained_type: str = "container"


def conjunction(nodes: Sequence[Node]) -> Node:
    """All of `nodes`: EVERYTHING for none, the node itself for one."""
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))
