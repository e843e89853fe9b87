"""fastgrad as a tool of GradBench, a public benchmark of derivatives: ``python -m bench.gradbench``."""
