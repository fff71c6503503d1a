"""Which flows an event can start: an index of published flows by scope, event type and campaign.

`FlowTable` takes the records of `mal.flows` one by one; `snapshot` gives the immutable `Index` that a batch uses. An
event that matches nothing costs two look-ups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from engine.events import Event, opaque_id
from engine.flow import FlowHead, FlowVersion, Limits, LimitsRecord
from engine.limits import House, house_in_force, limits_in_force
from engine.nodes.base import TriggerType
from engine.plan import Plan, compile_plan, static_config
from engine.types import FlowId, Scope

_NO_FLOWS: Final[tuple[FlowId, ...]] = ()
_NOBODY: Final[Mapping[str, tuple[FlowId, ...]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Candidates:
    """Flows of one scope and event type: those that take any campaign, and those that name some."""

    any_campaign: tuple[FlowId, ...]
    by_campaign: Mapping[str, tuple[FlowId, ...]]

    def of(self, campaign_id: str | None) -> tuple[FlowId, ...]:
        """Return the flows an event of this campaign can start, in the order of their ids."""
        named = self.by_campaign.get(campaign_id, _NO_FLOWS) if campaign_id else _NO_FLOWS
        return tuple(sorted(self.any_campaign + named)) if named else self.any_campaign


@dataclass(frozen=True, slots=True)
class IndexedFlow:
    """A flow with its head and the plans of its versions that have not been tombstoned."""

    head: FlowHead
    plans: Mapping[int, Plan]

    def matching_plan_at(self, now_ms: int, version: int | None = None) -> Plan | None:
        """Return the plan that events match at a moment of log time: also of a paused flow, which holds its matches.

        Args:
            now_ms: the moment.
            version: one that is named, instead of the one in force.
        """
        if self.head.status_at(now_ms) not in {"published", "paused"}:
            return None
        if version is None:
            version = self.head.version_at(now_ms)
        return self.plans.get(version) if version is not None else None


@dataclass(frozen=True, slots=True)
class Index:
    """An immutable view of everything published. A batch uses one from its first record to its last."""

    flows: Mapping[FlowId, IndexedFlow]
    by_scope: Mapping[Scope, Mapping[str, Candidates]]
    limits: Mapping[Scope, LimitsRecord]
    hearers: Mapping[Scope, Mapping[str, tuple[FlowId, ...]]]
    """The flows whose running executions can be moved by an event of a type, whatever their version."""

    def hearing(self, event: Event) -> tuple[FlowId, ...]:
        """Return the flows whose running executions may hear an event, in the order of their ids."""
        return self.hearers.get(event.scope, _NOBODY).get(event.type, _NO_FLOWS) if event.scope else _NO_FLOWS

    def matches(self, event: Event, now_ms: int) -> Iterator[Plan]:
        """Yield the plans that this event matches, in the order of their flow ids; those of paused flows, too."""
        if event.scope is None:
            return
        candidates = self.by_scope.get(event.scope, {}).get(event.type)
        if candidates is None:
            return
        for flow_id in candidates.of(opaque_id(event.payload.get("campaignId"))):
            plan = self.flows[flow_id].matching_plan_at(now_ms)
            # The index has the scopes of all versions; the one in force may be another owner's.
            if plan is not None and plan.scope == event.scope and triggers(plan, event):
                yield plan

    def limits_of(self, user_id: str | None, workspace_id: str | None) -> Limits:
        """Return the limits in force for executions of a user and workspace that start now."""
        if not self.limits:
            return _DEFAULT_LIMITS
        return limits_in_force(*self._records_of(user_id, workspace_id))

    def house_of(self, user_id: str | None, workspace_id: str | None) -> House:
        """Return what a user and workspace ask of all their flows now."""
        if not self.limits:
            return _NO_HOUSE
        return house_in_force(*self._records_of(user_id, workspace_id))

    def _records_of(
        self, user_id: str | None, workspace_id: str | None
    ) -> tuple[LimitsRecord | None, LimitsRecord | None]:
        return (
            self.limits.get(Scope("workspace", workspace_id)) if workspace_id else None,
            self.limits.get(Scope("user", user_id)) if user_id else None,
        )


_DEFAULT_LIMITS: Final = Limits()
_NO_HOUSE: Final = House()
EMPTY: Final = Index(MappingProxyType({}), MappingProxyType({}), MappingProxyType({}), MappingProxyType({}))


def triggers(plan: Plan, event: Event) -> bool:
    """Whether an event is what a plan's trigger waits for."""
    kind = plan.trigger.type
    return (
        isinstance(kind, TriggerType) and kind.name == event.type and kind.matches(static_config(plan.trigger), event)
    )


@dataclass(slots=True)
class FlowTable:
    """The records of `mal.flows`, folded. The one writer of the index; not shared between threads."""

    _heads: dict[FlowId, FlowHead] = field(default_factory=dict)
    _plans: dict[FlowId, dict[int, Plan]] = field(default_factory=dict)
    _limits: dict[Scope, LimitsRecord] = field(default_factory=dict)
    _snapshot: Index | None = EMPTY

    def put_version(self, version: FlowVersion) -> None:
        """Add a published version.

        Raises:
            PlanError: it cannot be compiled; the flow then goes on with its other versions.
        """
        self._snapshot = None
        self._plans.setdefault(version.flow_id, {})[version.version] = compile_plan(version)

    def drop_version(self, flow_id: FlowId, version: int) -> None:
        """Forget a version whose last execution has ended."""
        self._snapshot = None
        self._plans.get(flow_id, {}).pop(version, None)

    def put_head(self, head: FlowHead) -> None:
        """Take a flow's new head."""
        self._snapshot = None
        self._heads[head.flow_id] = head

    def drop_head(self, flow_id: FlowId) -> None:
        """Forget a flow."""
        self._snapshot = None
        self._heads.pop(flow_id, None)

    def put_limits(self, record: LimitsRecord) -> None:
        """Take the limits of a user or workspace."""
        self._snapshot = None
        self._limits[Scope(record.kind, record.id)] = record

    def drop_limits(self, scope: Scope) -> None:
        """Forget the limits of a user or workspace: the next level's are in force again."""
        self._snapshot = None
        self._limits.pop(scope, None)

    def snapshot(self) -> Index:
        """Return the index of now; the same object until something changes."""
        if self._snapshot is None:
            flows = {
                flow_id: IndexedFlow(head, MappingProxyType(dict(self._plans.get(flow_id, {}))))
                for flow_id, head in sorted(self._heads.items())
            }
            self._snapshot = Index(
                MappingProxyType(flows),
                MappingProxyType(_by_scope(flows)),
                MappingProxyType(dict(self._limits)),
                MappingProxyType(_hearers(flows)),
            )
        return self._snapshot


def _by_scope(flows: Mapping[FlowId, IndexedFlow]) -> dict[Scope, Mapping[str, Candidates]]:
    open_flows: dict[Scope, dict[str, set[FlowId]]] = {}
    named: dict[Scope, dict[str, dict[str, set[FlowId]]]] = {}
    for flow_id, flow in flows.items():
        for plan in flow.plans.values():
            if plan.scope is None or not isinstance(plan.trigger.type, TriggerType):
                continue
            kind = plan.trigger.type
            campaigns = kind.campaigns(static_config(plan.trigger))
            if campaigns is None:
                open_flows.setdefault(plan.scope, {}).setdefault(kind.name, set()).add(flow_id)
            else:
                by_campaign = named.setdefault(plan.scope, {}).setdefault(kind.name, {})
                for campaign in campaigns:
                    by_campaign.setdefault(campaign, set()).add(flow_id)
    index: dict[Scope, Mapping[str, Candidates]] = {}
    for scope in open_flows.keys() | named.keys():
        types = open_flows.get(scope, {}).keys() | named.get(scope, {}).keys()
        index[scope] = MappingProxyType({
            kind: Candidates(
                tuple(sorted(open_flows.get(scope, {}).get(kind, ()))),
                MappingProxyType({
                    campaign: tuple(sorted(flow_ids - open_flows.get(scope, {}).get(kind, set())))
                    for campaign, flow_ids in named.get(scope, {}).get(kind, {}).items()
                }),
            )
            for kind in types
        })  # fmt: skip
    return index


def _hearers(flows: Mapping[FlowId, IndexedFlow]) -> dict[Scope, Mapping[str, tuple[FlowId, ...]]]:
    found: dict[Scope, dict[str, dict[FlowId, None]]] = {}
    for flow_id, flow in flows.items():
        for plan in flow.plans.values():
            if plan.scope is not None:
                for kind in plan.hears:
                    found.setdefault(plan.scope, {}).setdefault(kind, {})[flow_id] = None
    return {
        scope: MappingProxyType({kind: tuple(flow_ids) for kind, flow_ids in kinds.items()})
        for scope, kinds in found.items()
    }
