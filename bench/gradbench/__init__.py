"""fastgrad as a tool of GradBench, a public benchmark of automatic differentiation: ``python -m bench.gradbench``."""
