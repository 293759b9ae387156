"""How a search is planned, for a person: which condition leads, and why."""

from collections.abc import Sequence

from fhir_server.search.spoken import one_line
from fhir_server.storage.sql.lead import Lead
from fhir_server.storage.sql.plan import Plan

LONGEST = 4_000  # characters of a statement that are shown


def planned(plans: Sequence[Plan]) -> list[str]:
    """The plans in lines."""
    return [line for plan in plans for line in _plan(plan)] or ["nothing can match"]


def _plan(plan: Plan) -> list[str]:
    """The conditions that could lead, with their amounts, and the one that does."""
    lines = [f"{plan.type}: {_lead(plan, plan.lead) if plan.lead else 'visits all of the type'}"]
    if plan.instead is not None:
        lines.append(f"  or, where that leads to no end, gathers {_lead(plan, plan.instead)}")
    return lines + [f"  {_lead(plan, lead)}: about {plan.planner.amount(lead):,.0f}" for lead in plan.leads or []]


def _lead(plan: Plan, lead: Lead) -> str:
    what = one_line(plan.parts[lead.part][0]) if lead.part >= 0 else "part of a condition"
    way = "in order" if lead.keyed else "as a set"
    return f"{what} ({way}{'' if lead.whole else ', and more besides'})"
