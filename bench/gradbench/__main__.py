"""The command line: ``python -m bench.gradbench`` answers messages on standard input until it ends."""

import argparse
import os
import sys

from bench.gradbench.protocol import serve


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gradbench",
        description="Answers the messages of a GradBench eval, a line each, until standard input ends.",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="how many threads may be used; 0: all cores (default: 1)"
    )
    threads = parser.parse_args(arguments).threads
    if threads < 0:
        parser.error("--threads must not be negative")
    if threads:
        os.environ["FASTGRAD_NUM_THREADS"] = str(threads)
    else:
        os.environ.pop("FASTGRAD_NUM_THREADS", None)
    serve(sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
