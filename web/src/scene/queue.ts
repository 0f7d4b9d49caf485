/** Photos that wait to be sent, kept by the browser so that a reload loses none (IndexedDB; best effort). */

export type Queued = { key: string; tab: string; file: File; at: number };

const OLD_MS = 24 * 3_600_000;
const TAB = "sharpstream.tab";

/** Return the name of this tab, which survives a reload and is no other tab's. */
function tab(): string {
  const known = sessionStorage.getItem(TAB) ?? `${Date.now()}-${Math.random()}`;
  sessionStorage.setItem(TAB, known);
  return known;
}

/** Keep these photos until they are sent; done when they outlive the page. */
export function keepQueued(photos: { key: string; file: File }[]): Promise<void> {
  const own = tab();
  return write((store) => {
    for (const { key, file } of photos) store.put({ key, tab: own, file, at: Date.now() } satisfies Queued);
  });
}

export const dropQueued = (key: string): Promise<void> => write((store) => store.delete(key));
export const dropAllQueued = (): Promise<void> => write((store) => store.clear());

/** Return what this tab had still to send when it was reloaded, the oldest first. */
export async function queuedBefore(): Promise<Queued[]> {
  const own = tab();
  const all = await opened()
    .then((database) => answered(database.transaction(NAME).objectStore(NAME).getAll()))
    .catch(() => []);
  const found = all as Queued[];
  for (const { key, at } of found) if (Date.now() - at > OLD_MS) void dropQueued(key);
  return found.filter((each) => each.tab === own && Date.now() - each.at <= OLD_MS).sort((a, b) => a.at - b.at);
}

const NAME = "queue";
let database: Promise<IDBDatabase> | null = null;

function opened(): Promise<IDBDatabase> {
  if (database) return database;
  const asked = indexedDB.open("sharpstream", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore(NAME, { keyPath: "key" });
  database = answered(asked);
  return database;
}

/** A full disk or a private window may refuse: the photos are then kept by the open page alone. */
async function write(work: (store: IDBObjectStore) => void): Promise<void> {
  await opened()
    .then((known) => {
      const transaction = known.transaction(NAME, "readwrite");
      work(transaction.objectStore(NAME));
      return ended(transaction);
    })
    .catch(() => undefined);
}

/** A reload takes back what has not been committed yet. */
function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB refused"));
  });
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB refused"));
  });
}
