-- name: executions
select flow_id, status, count(*) as number from automation_executions group by flow_id, status order by flow_id, status;

-- name: steps
select count(*) from automation_execution_steps;

-- name: command_ids
select command_id from automation_execution_steps, unnest(command_ids) as command_id;

-- name: decisions
select decision, reason, count(*) as number from automation_decisions group by decision, reason order by decision, reason;

-- name: answers
select count(*) from automation_command_results;

-- name: positions
select topic, partition, next_offset from automation_audit_positions order by topic, partition;
