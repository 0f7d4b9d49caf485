import type { ReactNode } from "react";

import { asApiError } from "../api/problem";
import { size } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Progress } from "../ui/states";
import { again, dismiss, type Sending, useSendings } from "./uploads";

/** Photos that are still going out, or did not get through. */
export function Sendings(): ReactNode {
  const open = useSendings().filter(({ state }) => state !== "sent");
  if (!open.length) return null;
  return (
    <ul aria-label="Uploads" className="grid gap-2">
      {open.map((sending) => (
        <Row key={sending.key} sending={sending} />
      ))}
    </ul>
  );
}

function Row({ sending: { key, file, url, fraction, state, error } }: { sending: Sending }): ReactNode {
  const failed = state === "failed" ? asApiError(error) : null;
  return (
    <li
      className={`flex items-center gap-4 rounded-2xl border p-2.5 ${failed ? "border-bad/40 bg-bad-wash" : "border-line bg-card"}`}
    >
      <img src={url} alt="" className="size-14 shrink-0 rounded-xl bg-wash object-cover" />
      <div className="grid min-w-0 flex-1 gap-1.5">
        <div className="flex justify-between gap-3 text-sm">
          <span className="truncate font-medium">{file.name}</span>
          <span className="shrink-0 text-soft">{state === "waiting" ? "waiting" : size(file.size)}</span>
        </div>
        {failed ? (
          <p role="alert" className="text-sm text-bad">
            {failed.message} <code className="font-mono text-xs">{failed.code}</code>
          </p>
        ) : (
          <Progress value={fraction} label={`Sending ${file.name}`} />
        )}
      </div>
      {failed && (
        <IconButton
          icon="reset"
          label={`Send ${file.name} again`}
          onClick={() => again(key)}
          className="text-bad hover:bg-card"
        />
      )}
      <IconButton
        icon="close"
        label={failed ? `Forget ${file.name}` : `Stop sending ${file.name}`}
        onClick={() => dismiss(key)}
        className="text-soft hover:bg-wash"
      />
    </li>
  );
}
