/** Carries the account's live stream into what is on screen: stages at once, everything else read anew. */
import { type QueryClient, type QueryKey } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { follow, type LiveEvent } from "../api/live";
import { Gathered } from "./gathered";
import { advance, type Progress } from "./stages";

const known = new Map<string, Progress>();
const listeners = new Set<() => void>();
const REMEMBERED = 200;

/** Return how far a scene is, as far as the stream has said. */
export const useProgress = (sceneId: string): Progress | undefined =>
  useSyncExternalStore(listen, () => known.get(sceneId));

/** Follow the stream for the life of the page; returns how to stop. */
export function followInto(queries: QueryClient): () => void {
  const gathered = new Gathered(queries);
  const stop = follow({
    open: () => void queries.invalidateQueries({ predicate: ({ queryKey }) => LIVE.has(String(queryKey[0])) }),
    event: (event) => {
      hear(event);
      for (const queryKey of touched(event)) gathered.add(queryKey);
    },
  });
  return () => {
    stop();
    gathered.close();
  };
}

const LIVE = new Set(["scenes", "scene", "exports", "usage", "webhooks", "deliveries", "keys"]);

function hear(event: LiveEvent): void {
  const next = advance(known.get(event.subject), event);
  if (!next) return;
  known.delete(event.subject);
  known.set(event.subject, next);
  for (const oldest of [...known.keys()].slice(0, -REMEMBERED)) known.delete(oldest);
  for (const listener of listeners) listener();
}

/** Return what an event has made old. Progress changes no row but the status, once, when the work begins. */
function touched({ type, subject, data }: LiveEvent): QueryKey[] {
  if (type === "generation.progress.v1") return [];
  if (type.startsWith("generation.")) return [["scene", subject], ["scenes"], ["usage"]];
  if (type.startsWith("export."))
    return [["exports", data.generation_id], ["exports", "all"], ["scene", data.generation_id], ["scenes"], ["usage"]];
  if (type.startsWith("api_key.")) return [["keys"], ["usage"]];
  return type.startsWith("webhook.") ? [["webhooks"]] : [];
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
