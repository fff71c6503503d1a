"""Faust in batches: records travel, are stored and are committed as whole batches (architecture.md section 2).

Faust keeps the membership of the group, the assignment of partitions, agents, and the registry of tables and their
changelogs. What it does once per record is overridden here, and nowhere else. How offsets move lives in `consumer`.
"""
