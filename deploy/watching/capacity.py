"""The dashboard for capacity: what is full."""

from __future__ import annotations

from typing import Final

from panels import Board, Panel, quantiles, rates

CAPACITY: Final = Board(
    uid="sharpstream-capacity",
    title="Sharpstream: what is full",
    says="For capacity: what is full now, what fills up, and what to add.",
    rows={
        "Queues": (
            Panel(
                title="Jobs that wait",
                says="Records of commands that are not finished: add workers of the role.",
                queries={
                    "max by (reader, topic)"
                    ' (sharpstream_lag_records{reader=~"inference|export.*"})': "{{reader}} {{topic}}",
                },
            ),
            Panel(
                title="Wait of a photo until a worker takes it",
                says="By priority; bulk yields to interactive.",
                queries=quantiles("sharpstream_queue_seconds", "priority"),
                unit="s",
            ),
            Panel(
                title="Handlers in flight",
                says="Jobs in the hands of workers, by group.",
                queries={"sum by (group) (sharpstream_processor_in_flight)": "{{group}}"},
            ),
        ),
        "Inference": (
            Panel(
                title="GPU use",
                says="Share of time in which a GPU works; low beside a queue: something else is slow.",
                queries={"sharpstream_gpu_used_ratio": "{{instance}} {{gpu}}"},
                unit="percentunit",
            ),
            Panel(
                title="GPU memory",
                says="Used, of its size.",
                queries={
                    'sharpstream_gpu_memory_bytes{kind="used"}'
                    ' / on (instance, gpu) sharpstream_gpu_memory_bytes{kind="size"}': "{{instance}} {{gpu}}",
                },
                unit="percentunit",
                bad=0.97,
            ),
            Panel(
                title="Photos in a batch",
                says="Half and 95 % of batches are this large; and what fits.",
                queries=quantiles("sharpstream_batch_size") | {"max(sharpstream_batch_limit)": "fits"},
            ),
            Panel(
                title="Time in each stage",
                says="95 % of generations are quicker.",
                queries={
                    "histogram_quantile(0.95, sum by (le, stage)"
                    " (rate(sharpstream_stage_seconds_bucket[$__rate_interval])))": "{{stage}}",
                },
                unit="s",
            ),
            Panel(
                title="Batches that did not fit",
                says="They are split and run again, which takes longer.",
                queries={"sum(increase(sharpstream_out_of_memory_total[30m]))": "batches"},
            ),
            Panel(
                title="Tasks that wait for a confined worker",
                says="Photos that wait to be decoded: raise *_DECODE_THREADS.",
                queries={"sum by (role) (sharpstream_worker_waiting)": "{{role}}"},
            ),
        ),
        "Processes": (
            Panel(
                title="Processor time",
                says="Cores that each role uses.",
                queries={
                    "sum by (role)"
                    ' (rate(process_cpu_seconds_total{job="sharpstream"}[$__rate_interval]))': "{{role}}",
                },
            ),
            Panel(
                title="Memory",
                says="Of the largest process of each role, without its confined workers.",
                queries={'max by (role) (process_resident_memory_bytes{job="sharpstream"})': "{{role}}"},
                unit="bytes",
            ),
            Panel(
                title="Open files and connections",
                says="Of what the process may open.",
                queries={
                    'max by (role) (process_open_fds{job="sharpstream"}'
                    ' / process_max_fds{job="sharpstream"})': "{{role}}",
                },
                unit="percentunit",
                bad=0.8,
            ),
            Panel(
                title="Bytes in",
                says="A second; in a container its own, on one machine everything of it.",
                queries=rates("sharpstream_received_bytes_total", "role, kind"),
                unit="Bps",
            ),
            Panel(
                title="Bytes out",
                says="A second.",
                queries=rates("sharpstream_sent_bytes_total", "role, kind"),
                unit="Bps",
            ),
            Panel(
                title="Live streams",
                says="Open Server-Sent Events, by gateway.",
                queries={"sharpstream_stream_readers": "{{instance}}"},
            ),
        ),
        "Stores": (
            Panel(
                title="Free disk",
                says="Of the disk under each role's working folder: on one machine that of all data.",
                queries={
                    'min by (role) (sharpstream_disk_bytes{kind="free"})'
                    ' / min by (role) (sharpstream_disk_bytes{kind="size"})': "{{role}}",
                },
                unit="percentunit",
            ),
            Panel(
                title="Database",
                says="Bytes of all tables and indexes.",
                queries={"max(sharpstream_database_bytes)": "bytes"},
                unit="bytes",
            ),
            Panel(
                title="Kafka's commits",
                says="How long a transaction of a worker takes.",
                queries=quantiles("sharpstream_processor_commit_seconds", "group"),
                unit="s",
            ),
            Panel(
                title="Postgres' commits",
                says="How long a projector's batch takes.",
                queries=quantiles("sharpstream_projector_batch_seconds", "projector"),
                unit="s",
            ),
        ),
    },
)
