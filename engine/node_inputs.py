"""What a node reads when it is decided: its context, and its config as it is rendered there. Changes no run."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, ValidationError

from engine.config_templates import ConfigTemplate
from engine.context import Context, Facts
from engine.errors_of import rendered_config_error
from engine.inputs import Moment
from engine.nodes.base import Failed
from engine.nodes.fields import RENDERED
from engine.outputs import StepOutputs
from engine.plan import Plan, PlanNode
from engine.rendering import TemplateError
from engine.run import Run
from engine.trail import OpenStep


class NodeInputs:
    """What the nodes of an execution read while one input moves it.

    Args:
        plan: the version it runs on.
        run: the execution.
        facts: what the systems said last.
        moment: the log time and the wall time of the decision.
    """

    __slots__ = ("_facts", "_moment", "_plan", "_run")

    def __init__(self, plan: Plan, run: Run, facts: Facts, moment: Moment) -> None:
        self._plan = plan
        self._run = run
        self._facts = facts
        self._moment = moment

    def context(self, node: PlanNode, visit: int) -> Context:
        """Return what templates, conditions and actions see there."""
        run = self._run
        arrivals = run.arrivals.get((node.id, visit))
        sources = self._plan.edge_sources
        taken = min((order for order in arrivals or () if order in sources), default=None)
        previous = None if taken is None else self._plan.nodes[sources[taken]].id
        return Context(
            node_id=node.id,
            event=run.event,
            origin=run.origin,
            facts=self._facts,
            now_ms=self._moment.now_ms,
            wall_ms=self._moment.wall_ms,
            time_scale=run.time_scale,
            flow_user_id=run.user_id,
            step_outputs=StepOutputs(run.outputs, self._plan.refs),
            previous_output=run.outputs.get(previous, {}) if previous else {},
            execution_tags=run.tags,
        )


def read_config(step: OpenStep, context: Context) -> BaseModel | Failed:
    """Return the config of a step, and write it into its record as it was rendered."""
    node = step.node
    if step.config is not None:
        return cast(BaseModel, node.type.config.model_validate(step.config, context=RENDERED))
    if node.config is not None:
        step.record["input"] = node.wire
        return node.config
    try:
        step.record["input"] = rendered = cast(ConfigTemplate, node.template).render(context)
        config: BaseModel = node.type.config.model_validate(rendered, context=RENDERED)
    except TemplateError as error:
        return Failed("template", str(error))
    except ValidationError as error:
        return rendered_config_error(error)
    return config
