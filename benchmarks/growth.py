"""What an order costs when more and more are stored: the load of `pipeline` with 10^3, 10^4 and 10^5 of them.

Milliseconds per order from accepted message to outboxed, all workers together; `flat` is the cost with the fewest
stored orders as a part of the cost with the most: 1 when growth costs nothing.
"""

from __future__ import annotations

import argparse

from benchmarks.common import report
from benchmarks.pipeline import company, series, sized
from benchmarks.running import forget_environment, ratio, sizes, time_limit


def main(argv: list[str] | None = None) -> None:
    """Run the series and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench growth", description=__doc__)
    sized(parser)
    parser.add_argument(
        "--grow", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="stored orders to grow to"
    )
    options = sizes(parser, argv, orders=200, runs=1, grow=[200, 600], limit=240)
    forget_environment()
    with time_limit(options.limit), company() as (hub, url):
        steps = series(hub, url, options)[1:]
    for each in steps:
        each["ms_per_order"] = round(1000 / each["orders_per_second"], 3)
    report(
        "growth",
        workers=options.workers,
        orders=options.orders,
        series=steps,
        flat=ratio(steps[0]["ms_per_order"], steps[-1]["ms_per_order"]),
    )


if __name__ == "__main__":
    main()
