import { type ReactNode, useEffect, useState } from "react";

import { size } from "../lib/words";
import { Button, IconButton } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Progress } from "../ui/states";
import { progressOf } from "./progress";
import { currentBatch, dismiss, dismissFailed, isOpen, type Sending, sendNow, stopAll, useSendings } from "./uploads";

/** So many rows are shown; a batch of hundreds must not push the scenes away. */
const SHOWN = 4;
const SECOND_MS = 1_000;

/** Photos that are still going out, or did not get through. */
export function Sendings(): ReactNode {
  const sendings = useSendings();
  const [all, setAll] = useState(false);
  const open = sendings.filter(isOpen);
  const failed = sendings.filter(({ state }) => state === "failed");
  const rows = [
    ...failed,
    ...open.filter(({ state }) => state !== "waiting"),
    ...open.filter(({ state }) => state === "waiting").reverse(),
  ];
  if (!rows.length) return null;
  const several = rows.length > 1;
  return (
    <section aria-label="Sending" className="grid gap-2">
      {several && (
        <div className="flex flex-wrap items-center justify-between gap-2">
          {open.length > 0 ? (
            <Summary sendings={sendings} />
          ) : (
            <p className="font-medium">{failed.length} photos were not sent</p>
          )}
          <div className="flex flex-wrap gap-2">
            {rows.length > SHOWN && (
              <Button small aria-expanded={all} onClick={() => setAll(!all)}>
                {all ? "Show fewer" : `Show all ${rows.length}`}
              </Button>
            )}
            {open.length > 1 && (
              <Button small onClick={stopAll}>
                Stop all
              </Button>
            )}
            {failed.length > 1 && (
              <Button small onClick={dismissFailed}>
                Dismiss all
              </Button>
            )}
          </div>
        </div>
      )}
      <ul aria-label="Uploads" className="grid gap-2">
        {(all ? rows : rows.slice(0, SHOWN)).map((sending) => (
          <Row key={sending.key} sending={sending} />
        ))}
      </ul>
    </section>
  );
}

function Summary({ sendings }: { sendings: Sending[] }): ReactNode {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p role="status" className="font-medium tabular-nums">
      {progressOf(sendings, currentBatch(), now)}
    </p>
  );
}

const WAITS: Partial<Record<Sending["state"], string>> = { waiting: "waiting", held: "tried again by itself" };

function Row({ sending: { key, file, picture, fraction, state, error } }: { sending: Sending }): ReactNode {
  const failed = state === "failed";
  return (
    <li
      className={`flex items-center gap-4 rounded-2xl border p-2.5 ${failed ? "border-bad/40 bg-bad-wash" : "border-line bg-card"}`}
    >
      {picture ? (
        <img src={picture.url} alt="" className="size-14 shrink-0 rounded-xl bg-wash object-cover" />
      ) : (
        <span className="grid size-14 shrink-0 place-items-center rounded-xl bg-wash text-soft">
          <Icon name="image" />
        </span>
      )}
      <div className="grid min-w-0 flex-1 gap-1.5">
        <div className="flex justify-between gap-3 text-sm">
          <span className="truncate font-medium">{file.name}</span>
          <span className="shrink-0 text-soft">{WAITS[state] ?? size(file.size)}</span>
        </div>
        {error && state !== "waiting" && state !== "sending" ? (
          <p role={failed ? "alert" : "status"} className={`text-sm ${failed ? "text-bad" : "text-soft"}`}>
            {error.sentence}
          </p>
        ) : (
          <Progress value={fraction} label={`Sending ${file.name}`} />
        )}
      </div>
      {state === "held" && (
        <IconButton
          icon="reset"
          label={`Send ${file.name} now`}
          onClick={() => sendNow(key)}
          className="text-soft hover:bg-wash"
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
