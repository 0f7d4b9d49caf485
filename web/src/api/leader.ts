/**
 * One tab of this browser works for all: browsers open six connections to a host, and a stream in each tab would
 * use them up. By a Web Lock where there is one; on origins that are not secure by a lease in localStorage.
 */

const NAME = "sharpstream.leader";
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;
/** Two tabs may take a lease that ran out at once: the one whose name stands after this long has it. */
const SETTLE_MS = 100;

type Work = (signal: AbortSignal) => Promise<void>;

/** Do `work` while this tab is the leader, until `signal`; waits its turn while another tab is. */
export async function lead(work: Work, signal: AbortSignal): Promise<void> {
  if ("locks" in navigator) {
    await navigator.locks.request(NAME, { signal }, () => work(signal)).catch(() => undefined); // aborted: we stop
  } else {
    await leadByLease(work, signal);
  }
}

async function leadByLease(work: Work, signal: AbortSignal): Promise<void> {
  const own = `${Date.now()}-${Math.random()}`;
  const release = () => holder() === own && localStorage.removeItem(NAME);
  addEventListener("pagehide", release, { signal });
  while (!signal.aborted) {
    if (!(await take(own, signal))) {
      await released(signal);
      continue;
    }
    const lost = new AbortController();
    const renewing = setInterval(() => (holder() === own ? write(own) : lost.abort()), RENEW_MS);
    await work(AbortSignal.any([signal, lost.signal])).catch(() => undefined);
    clearInterval(renewing);
    release();
  }
}

async function take(own: string, signal: AbortSignal): Promise<boolean> {
  if (holder() !== null) return false;
  write(own);
  await pause(SETTLE_MS, signal);
  return holder() === own;
}

/** Wait until the lease may be free: it was given up in another tab, or ran out. */
async function released(signal: AbortSignal): Promise<void> {
  const woken = new AbortController();
  addEventListener("storage", ({ key, newValue }) => key === NAME && newValue === null && woken.abort(), {
    signal: woken.signal,
  });
  await pause(RENEW_MS, AbortSignal.any([signal, woken.signal]));
  woken.abort();
}

/** Return who holds the lease; null where it is free. */
function holder(): string | null {
  const [name, until] = (localStorage.getItem(NAME) ?? "").split(" ");
  return name && Number(until) > Date.now() ? name : null;
}

const write = (own: string): void => localStorage.setItem(NAME, `${own} ${Date.now() + LEASE_MS}`);

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
