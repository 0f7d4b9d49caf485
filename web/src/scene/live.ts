/** Carries the account's live stream into what is on screen: stages at once, everything else read anew. */
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { follow, type LiveEvent } from "../api/live";
import { advance, type Place } from "./stages";

const places = new Map<string, Place>();
const listeners = new Set<() => void>();
const REMEMBERED = 200;

/** Return where a scene is, as far as the stream has told. */
export const usePlace = (sceneId: string): Place | undefined => useSyncExternalStore(listen, () => places.get(sceneId));

/** Follow the stream for the life of the page; returns how to stop. */
export function followInto(queries: QueryClient): () => void {
  return follow({
    open: () => void queries.invalidateQueries({ predicate: ({ queryKey }) => LIVE.has(String(queryKey[0])) }),
    event: (event) => {
      hear(event);
      for (const queryKey of touched(event)) void queries.invalidateQueries({ queryKey });
    },
  });
}

const LIVE = new Set(["scenes", "scene", "exports", "usage", "webhooks", "deliveries", "keys"]);

function hear(event: LiveEvent): void {
  const next = advance(places.get(event.subject), event);
  if (!next) return;
  places.delete(event.subject);
  places.set(event.subject, next);
  for (const oldest of [...places.keys()].slice(0, -REMEMBERED)) places.delete(oldest);
  for (const listener of listeners) listener();
}

/** Return what an event has made old. Progress changes no row but the status, once, when the work begins. */
function touched({ type, subject, data }: LiveEvent): unknown[][] {
  if (type === "generation.progress.v1") return [];
  if (type.startsWith("generation.")) return [["scene", subject], ["scenes"], ["usage"]];
  if (type.startsWith("export."))
    return [["exports", data.generation_id], ["scene", data.generation_id], ["scenes"], ["usage"]];
  if (type.startsWith("api_key.")) return [["keys"], ["usage"]];
  return type.startsWith("webhook.") ? [["webhooks"]] : [];
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
