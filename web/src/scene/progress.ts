/** How far a batch of photos is: "34 of 120 sent, 2 min left". */
import { isOpen, type Sending } from "./uploads";

const ENOUGH_MS = 3_000;

/** Photos that are counted together: when they began to go out, and those that were sent and are forgotten here. */
export type Batch = { since: number; forgotten: number; forgottenBytes: number };

/** Return how many of the batch's photos are sent, and how long the rest may take. */
export function progressOf(sendings: Sending[], batch: Batch, now: number): string {
  const counted = sendings.filter((each) => isOpen(each) || (each.state === "sent" && each.sentAt >= batch.since));
  const sent = counted.filter(({ state }) => state === "sent").length + batch.forgotten;
  const left = remaining(counted, batch, now);
  return `${sent} of ${counted.length + batch.forgotten} sent${left === null ? "" : `, ${left} left`}`;
}

function remaining(counted: Sending[], { since, forgottenBytes }: Batch, now: number): string | null {
  const passed = now - since;
  const whole = counted.reduce((sum, { file }) => sum + file.size, forgottenBytes);
  const done = counted.reduce(
    (sum, { file, fraction, state }) => sum + file.size * (state === "sent" ? 1 : fraction),
    forgottenBytes,
  );
  if (passed < ENOUGH_MS || done === 0 || done >= whole) return null;
  const seconds = (passed / done) * ((whole - done) / 1_000);
  return seconds < 60 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}
