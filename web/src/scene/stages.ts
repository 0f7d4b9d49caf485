/** What a scene goes through, in the words of whoever waits for it. */

export type Stage = { key: string; title: string; about: string };

export const STAGES: readonly Stage[] = [
  { key: "queued", title: "In the queue", about: "until a worker takes the photo" },
  { key: "fetch", title: "Fetching the photo", about: "from the store to the worker" },
  { key: "decode", title: "Reading the photo", about: "decoding it, turning it upright, finding the lens" },
  { key: "batch", title: "Batching", about: "photos that are predicted together" },
  { key: "inference", title: "Predicting the scene", about: "the network predicts the Gaussians" },
  { key: "encode", title: "Writing the scene", about: "as a splat file" },
  { key: "upload", title: "Storing the scene", about: "storing the file" },
];

/** How far a scene is: the index of the stage that it is in, and how much of the whole way lies behind. */
export type Progress = { stage: number; fraction: number };
export type Heard = { type: string; data: Record<string, unknown> };

/** Return where a scene is after an event; an event that came late never takes it back. */
export function advance(known: Progress | undefined, event: Heard): Progress | undefined {
  const next = progressOf(event);
  return next && (!known || next.stage >= known.stage) ? next : known;
}

function progressOf({ type, data }: Heard): Progress | undefined {
  if (type === "generation.requested.v1") return { stage: 0, fraction: 0 };
  if (type === "generation.started.v1") return { stage: 1, fraction: 0.05 };
  if (type === "generation.completed.v1") return { stage: STAGES.length, fraction: 1 };
  if (type !== "generation.progress.v1") return undefined;
  const stage = STAGES.findIndex(({ key }) => key === data.stage);
  return stage < 0 ? undefined : { stage, fraction: Number(data.fraction) || 0 };
}

/** Return the progress of a scene that was not heard of: what its status tells. */
export function progressOfStatus(status: string): Progress {
  if (status === "completed") return { stage: STAGES.length, fraction: 1 };
  return status === "processing" ? { stage: 1, fraction: 0.1 } : { stage: 0, fraction: 0 };
}
