"""The plan of a transaction: its entries as steps, who gets which id, and which locks are needed.

http://hl7.org/fhir/R4/http.html#trules
"""

from dataclasses import dataclass, field, replace

import orjson

from fhir_server.context import Body, Prepared, Request
from fhir_server.formats import json
from fhir_server.interactions import links
from fhir_server.interactions.criteria import Criteria
from fhir_server.interactions.entries import Entry
from fhir_server.interactions.links import Slot
from fhir_server.model import Key
from fhir_server.search.index import extract


@dataclass(slots=True)
class Step:
    """One entry on its way. `key` is where it writes; of a conditional one until it is decided: where it would, without
    any match (None: nowhere). `assigned`: the server gave it this id just now.

    `condition`: the criteria that decide about the key inside the transaction. `open`: links that only then can be set,
    because they point to conditional entries or are conditional references themselves.
    """

    entry: Entry
    planned: Key | None = None
    new: bool = False
    condition: Criteria | None = None
    prepared: Prepared | None = None
    open: list[Slot] = field(default_factory=list)
    found: Key | None = None

    @property
    def key(self) -> Key | None:
        return self.found or self.planned

    @property
    def assigned(self) -> bool:
        return self.new and self.found is None

    @property
    def number(self) -> int:
        return self.entry.number

    @property
    def base(self) -> str:
        """What relative references of this entry are relative to; "" where its fullUrl does not say."""
        return links.root(self.entry.full_url) if self.entry.full_url[:4] == "http" else ""

    @property
    def request(self) -> Request:
        return self.entry.request

    @property
    def method(self) -> str:
        return self.entry.request.method

    def read_again(self) -> None:
        """The body's plain reading says what its tree says now, where these are two."""
        body = self.request.body
        if body is not None and body.plain is not body.tree:
            self.request.body = Body(body.tree, orjson.loads(json.dumps(body.tree)), body.media_type, body.raw)

    def index(self) -> None:
        """`prepared` says what the resource says now."""
        if self.open:
            self.read_again()
        body = self.request.body
        if body is not None and self.key is not None and self.method in ("POST", "PUT"):
            self.prepared = Prepared(self.key, body.tree, extract(body.plain), self.assigned)

    def decide(self, found: Key | None) -> None:
        """The criteria have found this resource, or none."""
        self.found = found
        if self.prepared is not None and self.key is not None:
            self.prepared = replace(self.prepared, key=self.key, assigned=self.assigned)


@dataclass(slots=True)
class Plan:
    """The steps in the Bundle's order.

    `full_urls` maps each fullUrl to its step, `settled` those whose key is certain to `Type/id`; `references` are the
    criteria of the conditional references by their text.
    """

    steps: list[Step]
    full_urls: dict[str, Step] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    references: dict[str, Criteria] = field(default_factory=dict)

    @property
    def locks(self) -> list[str]:
        """All names that the transaction locks, before it reads anything."""
        names = {step.condition.lock for step in self.steps if step.condition}
        names |= {str(step.planned) for step in self.steps if step.planned and not step.new}
        return sorted(names)
