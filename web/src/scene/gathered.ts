/** Gathers what events have made old, so that a batch of photos asks the service once and not once a photo. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

const GATHER_MS = 500;
/** Between two readings of the same thing, for each page of a list: at most one request a second. */
const APART_MS = 1_000;

export class Gathered {
  private readonly waiting = new Map<string, QueryKey>();
  private readonly readAt = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly queries: QueryClient) {}

  /** Read everything under `queryKey` anew, soon. */
  add(queryKey: QueryKey): void {
    this.waiting.set(JSON.stringify(queryKey), queryKey);
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.waiting.clear();
  }

  /** A reading that runs is let run: cancelled again and again, none would ever end. What came meanwhile waits. */
  private flush(): void {
    this.timer = null;
    const now = Date.now();
    for (const [name, queryKey] of this.waiting) {
      if (this.queries.isFetching({ queryKey }) || now - (this.readAt.get(name) ?? 0) < this.apart(queryKey)) continue;
      this.waiting.delete(name);
      this.readAt.set(name, now);
      void this.queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
    }
    for (const [name, at] of this.readAt) if (now - at > 60 * APART_MS) this.readAt.delete(name);
    if (this.waiting.size) this.timer = setTimeout(() => this.flush(), GATHER_MS / 2);
  }

  private apart(queryKey: QueryKey): number {
    const lists = this.queries.getQueriesData<{ pages?: unknown[] }>({ queryKey, type: "active" });
    return APART_MS * Math.max(1, ...lists.map(([, data]) => data?.pages?.length ?? 1));
  }
}
