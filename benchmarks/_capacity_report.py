"""The capacity calculation as pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def page(report: Mapping[str, Any]) -> str:
    """Return the sizes, the limits and the inputs."""
    return "\n".join(
        [
            "# Capacity",
            "",
            f"Simulated and calculated, {report['date']}; nothing here was run at that size. A cell is one"
            " whole system. Latencies are seconds from POST to the event at the client.",
            "",
            *_sizes(report["sizes"]),
            "",
            "## Where one system bends",
            "",
            "Photos a second at which a part is as busy as planned, the lowest first:",
            "",
            *_table(
                ("part", "photos/s"), [(row["part"], row["photos_per_second"]) for row in report["limits"]]
            ),
            "",
            "## GPUs and 12 partitions",
            "",
            "The worker with the most partitions limits all of them:",
            "",
            *_table(
                ("GPUs", "largest share", "photos/s at most", "of the GPUs' own rate"),
                [
                    (row["gpus"], row["largest_share"], row["photos_per_second"], f"{row['of_gpus']:.0%}")
                    for row in report["partitions"]
                ],
            ),
            "",
            "## What a photo leaves behind",
            "",
            f"Measured with {report['job']['photos']} photos, {report['job']['date']},"
            f" {report['job']['machine']}. WAL: {report['job']['wal_bytes']:,} bytes.",
            "",
            *_table(
                ("table", "rows", "bytes", "of these in indexes"),
                [
                    (f"`{name}`", row["rows"], f"{row['bytes']:,}", f"{row['of_it_indexes']:,}")
                    for name, row in sorted(
                        report["job"]["tables"].items(), key=lambda each: -each[1]["bytes"]
                    )
                ],
            ),
            "",
            *_table(
                ("topic", "bytes"),
                [
                    (f"`{name}`", f"{size:,}")
                    for name, size in sorted(report["job"]["topics"].items(), key=lambda each: -each[1])
                ],
            ),
            "",
            "## Inputs",
            "",
            "Measured ones are read from the results beside this page; the others stand in"
            " `benchmarks/capacity.toml`:",
            "",
            *_table(
                ("input", "value", "source"),
                [(f"`{name}`", one["value"], one["source"]) for name, one in report["inputs"].items()],
            ),
            "",
        ]
    )


def check_page(report: Mapping[str, Any]) -> str:
    """Return the comparison with the real system."""
    rows = []
    for row in report["rows"]:
        case, measured = row["case"], row["measured"]
        kinds = (row["predicted"], row["afterwards"])
        rows.append(
            (
                case["workers"],
                f"{case['batch_s']:g} s, {case['max_batch']}",
                f"{case['rate']:g}",
                row["photos"],
                f"{row['stages']['inference_ms']['p50']:.2f}, {row['stages']['inference_ms']['p99']:.2f}",
                *(
                    f"{' / '.join(_range(one[name]) for one in kinds)} / **{measured[name]:.2f}**"
                    for name in ("per_second", "p50_s", "p99_s")
                ),
            )
        )
    return "\n".join(
        [
            "# The simulation against the real system",
            "",
            f"{report['machine']}, {report['date']}; load average of the machine before and after:"
            f" {report['load'][0]:.1f} and {report['load'][1]:.1f} on {report['cores']} cores.",
            "",
            "Each cell: predicted from stage times measured one photo at a time before the run / predicted"
            " from the stage times of the run itself / **measured**. Middle and range of 90 % of 40 seeds;"
            " seconds from POST to the event.",
            "",
            *_table(
                (
                    "workers",
                    "a batch: time, photos",
                    "photos/s sent",
                    "photos",
                    "a batch in the run: p50, p99",
                    "done a second",
                    "p50",
                    "p99",
                ),
                rows,
            ),
            "",
        ]
    )


def _sizes(sizes: Sequence[Mapping[str, Any]]) -> list[str]:
    def line(name: str, of: Any) -> tuple[Any, ...]:
        return (name, *(of(one) for one in sizes))

    rows = [
        line("cells", lambda one: f"{one['cells']:,}"),
        line("photos a second a cell", lambda one: f"{one['cell']['photos_per_second']:g}"),
        line(
            "**p50 / p95 / p99**", lambda one: " / ".join(f"{one['cell'][f'p{p}_s']:g}" for p in (50, 95, 99))
        ),
        line("GPUs a cell", lambda one: one["cell"]["gpus"]),
        line("**GPUs in all**", lambda one: f"**{one['all']['gpus']:,}**"),
        line(
            "a GPU works: mean, busiest",
            lambda one: f"{one['cell']['mean_busy']:.0%}, {one['cell']['busiest']:.0%}",
        ),
        line("GPUs a cell, were 8 a process with one queue", lambda one: one["cell"]["gpus_by_eights"]),
        line("partitions of each topic of commands, a cell", lambda one: one["cell"]["partitions"]),
        line("brokers a cell", lambda one: one["beside"]["brokers"]),
        line("database cores a cell", lambda one: one["beside"]["database_cores"]),
        line("cores of the roles a cell", lambda one: _cores(one["beside"]["role_cores"])),
        line("rows a day, in all", lambda one: f"{one['bytes']['rows_a_day']:,}"),
        line("database, GB a day", lambda one: f"{one['bytes']['database_gb_a_day']:,.1f}"),
        line("WAL, GB a day", lambda one: f"{one['bytes']['wal_gb_a_day']:,.1f}"),
        line("Kafka, GB a day, once", lambda one: f"{one['bytes']['kafka_gb_a_day']:,.1f}"),
        line("S3, TB a day", lambda one: f"{one['bytes']['s3_gb_a_day'] / 1000:,.1f}"),
    ]
    rows += [
        line(f"$ for 1,000 photos: {item}", lambda one, item=item: f"{one['dollars_per_1000'][item]:.2f}")
        for item in sizes[0]["dollars_per_1000"]
    ]
    rows.append(
        line("**$ for 1,000 photos**", lambda one: f"**{sum(one['dollars_per_1000'].values()):.2f}**")
    )
    return _table(("", *(f"{one['rate']:,g} photos/s" for one in sizes)), rows)


def _cores(roles: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {cores:g}" for name, cores in roles.items())


def _range(found: Sequence[float]) -> str:
    return f"{found[0]:.2f} ({found[1]:.2f}-{found[2]:.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    lines = [" | ".join(head), "|".join("---" for _ in head)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return [f"| {line} |" if "---" not in line else f"|{line}|" for line in lines]
