import type { ReactNode } from "react";

import type { Timings } from "../api/scenes";
import { duration } from "../lib/words";

type Part = { key: keyof Timings; title: string; about: string; tone: string };

const PARTS: Part[] = [
  { key: "queued_ms", title: "Waited", about: "until a worker took it", tone: "bg-line" },
  { key: "fetch_ms", title: "Fetched", about: "the photo from the store", tone: "bg-[#8fc5cb]" },
  { key: "decode_ms", title: "Read", about: "decoded and turned upright", tone: "bg-[#4fa3ad]" },
  { key: "batch_wait_ms", title: "Batched", about: "waited for the network and for other photos", tone: "bg-edge" },
  { key: "inference_ms", title: "Predicted", about: "its batch, on the accelerator", tone: "bg-[#e2903f]" },
  { key: "encode_ms", title: "Written", about: "the Gaussians as a file", tone: "bg-[#b78ad0]" },
  { key: "upload_ms", title: "Stored", about: "the file", tone: "bg-[#7e6cc0]" },
  { key: "other_ms", title: "Other", about: "the way through the log, retries", tone: "bg-wash" },
];

/** Where the time went, as a bar whose parts are as long as they took, and in words. */
export function TimingsPicture({ timings }: { timings: Timings }): ReactNode {
  const parts = PARTS.flatMap((part) => {
    const ms = timings[part.key];
    return typeof ms === "number" ? [{ ...part, ms }] : [];
  });
  return (
    <div className="grid gap-4">
      <p>
        <span className="text-3xl font-semibold tracking-tight">{duration(timings.total_ms ?? 0)}</span>{" "}
        <span className="text-soft">from your photo to the scene</span>
      </p>
      <div aria-hidden="true" className="flex h-7 gap-0.5 overflow-hidden rounded-lg">
        {parts.map(({ key, ms, tone }) => (
          <div key={key} className={`min-w-0.5 ${tone}`} style={{ flex: `${Math.max(ms, 0.001)} 0 0` }} />
        ))}
      </div>
      <dl className="grid gap-x-6 gap-y-1.5 text-sm">
        {parts.map(({ key, title, about, tone, ms }) => (
          <div key={key} className="flex items-baseline gap-2.5">
            <span
              aria-hidden="true"
              className={`size-2.5 shrink-0 self-center rounded-full border border-edge/40 ${tone}`}
            />
            <dt className="min-w-0 flex-1">
              {title} <span className="text-soft">{about}</span>
            </dt>
            <dd className="shrink-0 tabular-nums">{duration(ms)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
