"""Reads a page of metrics with `prometheus_client`, as Prometheus would: strictly as OpenMetrics, and then
as the older text format, which must find the same samples.

stdin: {"page"}
stdout: [[name, labels, value]]
"""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families

page = json.load(sys.stdin)["page"]
families = list(text_string_to_metric_families(page))
samples = [[sample.name, sample.labels, sample.value] for family in families for sample in family.samples]
older = [sample for family in parser.text_string_to_metric_families(page) for sample in family.samples]
assert len(older) == len(samples), (len(older), len(samples))
for family in families:
    assert family.name.startswith("shopgrant_"), family.name
    assert family.documentation, family.name
    assert not family.unit or family.name.endswith("_" + family.unit), family.name
json.dump(samples, sys.stdout)
