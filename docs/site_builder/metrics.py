"""Reference of the metrics of a training run."""

from __future__ import annotations

from der_ros.training.metrics.definitions import METRICS
from site_builder.pages import code, page, table


def metric_text(name: str) -> str:
    """Return the text of the metric that is published on the topic ``training/NAME``.

    Raises:
        KeyError: The metric does not exist.
    """
    texts = {metric.name.split("/")[1]: metric.text for metric in METRICS}
    return texts[name]


def metrics_page() -> str:
    """Return the page of all metrics, with one table per prefix."""
    blocks = [
        "A training run writes one line of JSON with these names to `metrics.jsonl` every few "
        "seconds, the same to TensorBoard, and `sim_trainer` publishes some of them on "
        "`training/NAME`. The unit 1 is a share or a number without unit."
    ]
    for prefix in dict.fromkeys(metric.name.split("/")[0] for metric in METRICS):
        rows = [
            (code(metric.name), metric.unit, metric.text)
            for metric in METRICS
            if metric.name.startswith(f"{prefix}/")
        ]
        blocks += [f"## {code(prefix)}", table(("metric", "unit", "meaning"), rows)]
    return page("Metrics", *blocks)
