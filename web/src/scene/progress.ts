/** How far a batch of photos is: "34 of 120 sent, 2 min left". */
import { isOpen, type Sending } from "./uploads";

const ENOUGH_MS = 3_000;

/** Return how many of the photos that began at or after `since` are sent, and how long the rest may take. */
export function progressOf(sendings: Sending[], since: number, now: number): string {
  const counted = sendings.filter((each) => isOpen(each) || (each.state === "sent" && each.sentAt >= since));
  const sent = counted.filter(({ state }) => state === "sent").length;
  const left = remaining(counted, now - since);
  return `${sent} of ${counted.length} sent${left === null ? "" : `, ${left} left`}`;
}

function remaining(counted: Sending[], passed: number): string | null {
  const whole = counted.reduce((sum, { file }) => sum + file.size, 0);
  const done = counted.reduce(
    (sum, { file, fraction, state }) => sum + file.size * (state === "sent" ? 1 : fraction),
    0,
  );
  if (passed < ENOUGH_MS || done === 0 || done >= whole) return null;
  const seconds = (passed / done) * ((whole - done) / 1_000);
  return seconds < 60 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}
