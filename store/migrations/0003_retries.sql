-- Executions that can be retried keep their version on mal.flows: found without looking at all others of the flow.
create index automation_executions_failed on automation_executions (flow_id, flow_version, finished_at)
    where status in ('failed', 'partial');
