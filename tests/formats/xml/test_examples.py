"""The official examples: pairs agree in both formats, JSON survives XML, XML output is valid against the R4 XSDs."""

from typing import Any

import pytest
from lxml import etree

from fhir_server.formats import json
from fhir_server.formats.xml import from_xml, to_xml
from tests.formats.examples import canonical, json_examples, listed, pairs

FAULTY_AS_PUBLISHED = {
    "questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "id longer than 64 characters",
    **{
        f"{type_}-extensions-{name}-{extension}": "StructureDefinition-like snapshot without base"
        for type_, name in (("codesystem", "CodeSystem"), ("valueset", "ValueSet"))
        for extension in ("author", "effective", "end", "keyword", "workflow")
    },
}
"""Not valid against the XSDs for what the JSON says; the 187 generated questionnaires lack linkId."""


def sliced(names: list[str], size: int) -> list[str]:
    """About `size` of the names, spread over all of them."""
    return names[:: max(1, len(names) // size)]


def unlabelled(tree: Any) -> Any:
    """Without what the two copies of an example are known to differ in: narratives of resources, the HTEST label."""
    if isinstance(tree, list):
        return [unlabelled(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kept = {name: unlabelled(value) for name, value in tree.items()}
    if "resourceType" in kept and isinstance(kept.get("text"), dict):
        del kept["text"]
    if isinstance(meta := kept.get("meta"), dict):
        for labels in ("tag", "security"):
            rest = [label for label in meta.pop(labels, []) if label.get("code") != "HTEST"]
            meta.update({labels: rest} if rest else {})
        if not meta:
            del kept["meta"]
    return kept


def disagreeing(names: list[str]) -> list[str]:
    found = []
    both = pairs()
    for name in names:
        as_json, as_xml = unlabelled(json.parse(both[name][0]).tree), unlabelled(from_xml(both[name][1]))
        again = from_xml(to_xml(as_json))
        if not canonical(as_json) == canonical(as_xml) == canonical(again):
            found.append(name)
    return found


def test_all_pairs_agree() -> None:
    equal = listed("pairs.json")["equal"]
    assert (len(equal), disagreeing(equal)) == (856, [])


def leaves(node: Any, path: str = "") -> list[tuple[str, str]]:
    """(path without positions, value in its digits) of every primitive."""
    if isinstance(node, dict):
        name = node.get("resourceType")
        start = f"{path}/{name}" if isinstance(name, str) and not path else path
        return [leaf for key, value in node.items() for leaf in leaves(value, f"{start}/{key}")]
    if isinstance(node, list):
        return [leaf for item in node for leaf in leaves(item, path)]
    return [(path, node if isinstance(node, str) else json.dumps({"": node})[4:-1].decode())]


@pytest.mark.parametrize("side", ["json_only", "xml_only"])
def test_pairs_that_differ_do_so_as_listed(side: str) -> None:
    both = pairs()
    for name, differences in listed("pairs.json")["differ"].items():
        trees = [unlabelled(json.parse(both[name][0]).tree), unlabelled(from_xml(both[name][1]))]
        mine, other = (leaves(tree) for tree in (trees if side == "json_only" else trees[::-1]))
        for leaf in other:
            if leaf in mine:
                mine.remove(leaf)
        expected = [(item["path"], item["value"].partition("... (")[0]) for item in differences[side]]
        assert [(path, value[: len(expected[n][1])]) for n, (path, value) in enumerate(mine)] == expected, name


def changed_by_xml(names: list[str]) -> list[str]:
    examples = json_examples()
    changed = []
    for name in names:
        tree = json.parse(examples[name]).tree
        if canonical(from_xml(to_xml(tree))) != canonical(tree):
            changed.append(name)
    return changed


def test_json_survives_xml() -> None:
    assert changed_by_xml(sliced(list(json_examples()), 100)) == []


@pytest.mark.slow
def test_all_json_survives_xml() -> None:
    names = list(json_examples())
    assert (len(names), changed_by_xml(names)) == (2905, [])


def invalid(names: list[str], schema: etree.XMLSchema) -> set[str]:
    examples = json_examples()
    return {name for name in names if not schema.validate(etree.fromstring(to_xml(examples[name])))}


def test_xml_is_valid(fhir_single: etree.XMLSchema) -> None:
    names = sliced(
        [n for n in json_examples() if not n.endswith("-questionnaire") and n not in FAULTY_AS_PUBLISHED], 100
    )
    assert invalid(names, fhir_single) == set()


@pytest.mark.slow
def test_all_xml_is_valid(fhir_single: etree.XMLSchema) -> None:
    found = invalid(list(json_examples()), fhir_single)
    generated = {name for name in found if name.endswith("-questionnaire")}
    assert (len(generated), found - generated) == (187, set(FAULTY_AS_PUBLISHED))


def test_pretty_xml_says_the_same(fhir_single: etree.XMLSchema) -> None:
    examples = json_examples()
    for name in ("patient-example", "observation-decimal", "bundle-example", "careplan-example"):
        pretty = to_xml(examples[name], pretty=True)
        assert fhir_single.validate(etree.fromstring(pretty))
        assert canonical(from_xml(pretty)) == canonical(json.parse(examples[name]).tree)
        assert pretty.count(b"\n  <") > 3
