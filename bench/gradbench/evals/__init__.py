"""The evals of GradBench, a module each: the objective in plain functions, its derivative by fastgrad."""
