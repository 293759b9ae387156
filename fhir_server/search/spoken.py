"""A search tree in lines for a person: what was understood, part by part.

http://hl7.org/fhir/R4/search.html
"""

from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    Contains,
    Has,
    Ids,
    LastUpdated,
    Match,
    Missing,
    Near,
    Node,
    Not,
    Op,
    Or,
    SearchQuery,
    Sort,
    Together,
)


def spoken(query: SearchQuery) -> list[str]:
    """The trees of all types, indented, then the order and what else was asked for."""
    lines = []
    for type_, node in query.where.items():
        lines += [f"{type_}:", *_indented(_node(node))]
    if query.sort:
        lines.append("in the order of " + ", then ".join(_sort(rule) for rule in query.sort))
    lines.append(f"{query.count} a page, total: {query.total.value}")
    return lines


def one_line(node: Node) -> str:
    """The node as one line."""
    return " ".join(line.strip() for line in _node(node))


def _node(node: Node) -> list[str]:
    match node:
        case And(of):
            return _group("all of", of) if of else ["everything"]
        case Or(of):
            return _group("any of", of) if of else ["nothing"]
        case Not(of):
            return _under("not", of)
        case Match(param, anyof):
            return [f"{param}: " + " or ".join(" and ".join(map(_compare, tests)) for tests in anyof)]
        case Together(of):
            return _group("in one element", of)
        case Near(param, latitude, longitude, metres):
            return [f"{param}: within {metres:g} m of {latitude:g}, {longitude:g}"]
        case Ids(anyof):
            return [f"_id: {' or '.join(map(repr, anyof))}"]
        case LastUpdated(tests):
            return ["_lastUpdated: " + " and ".join(f"{op.value} {moment}" for op, moment in tests)]
        case Missing(param, kinds):
            return [f"{param}: no {' or '.join(kind.__name__ for kind in kinds)}"]
        case Chain(param, target, where):
            return _under(f"{param} refers to a {target}:", where)
        case Has(source, param, where):
            return _under(f"referred to by {param} of a {source}:", where)
        case Contains(type_, where):
            return _under(f"contains a {type_}:", where)
        case _:
            return [type(node).__name__]


def _compare(compare: Compare) -> str:
    if compare.op in (Op.ONE, Op.NONE):
        number = len(str(compare.value).splitlines())
        return f"{compare.kind.__name__}.{compare.field} {compare.op.value} of {number}"
    return f"{compare.kind.__name__}.{compare.field} {compare.op.value} {compare.value!r}"


def _sort(rule: Sort) -> str:
    path = "".join(f"{param}:{target}." for param, target in rule.chain)
    return f"{path}{rule.param} {'descending' if rule.descending else 'ascending'}"


def _group(name: str, of: tuple[Node, ...]) -> list[str]:
    return [f"{name}:", *_indented([line for node in of for line in _node(node)])]


def _under(name: str, node: Node) -> list[str]:
    return [name, *_indented(_node(node))]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
