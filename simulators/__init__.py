"""Stand-ins of the six TAP systems, for demos and end-to-end tests. Never imported by the service."""
