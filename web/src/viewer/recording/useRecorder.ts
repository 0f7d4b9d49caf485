import { type RefObject, useEffect, useRef, useState } from "react";

import { ApiError } from "../../api/problem";
import type { Frame } from "../frame";
import { HOME, near, type Place } from "../motion";
import type { Player } from "../player";
import { fileName, sizeOf } from "./codecs";
import { loops, ownPath, type Path, type PathKind, type Sample, swayPath, travelPath, turnPath } from "./paths";
import { record } from "./record";

export type Settings = { kind: PathKind; seconds: number; longest: number };
export type RecorderState =
  | { kind: "idle" }
  | { kind: "following"; ms: number }
  | { kind: "recording"; done: number }
  | { kind: "done"; url: string; name: string; bytes: number; title: string; width: number; height: number }
  | { kind: "failed"; error: unknown };
export type Recorder = {
  state: RecorderState;
  /** The seconds that a hand's own move took; null before there is one. */
  own: number | null;
  follow: (limit: number) => void;
  stop: () => void;
  preview: (settings: Settings) => void;
  record: (settings: Settings) => void;
};

/** Makes videos of the scene in the browser: by a way of its own, or as a hand moved the camera. */
export function useRecorder(
  player: RefObject<Player | null>,
  { frame, start, name }: { frame: Frame; start: Place | null; name: string },
): Recorder {
  const [state, setState] = useState<RecorderState>({ kind: "idle" });
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const made = state.kind === "done" ? state.url : null;
  useEffect(() => (made ? () => URL.revokeObjectURL(made) : undefined), [made]);

  const pathOf = (kind: PathKind): Path => {
    const moved = player.current;
    if (!moved) return () => HOME;
    if (kind === "sway") return swayPath(moved.reach, moved.towards);
    if (kind === "turn") return turnPath(moved.reach, moved.towards);
    if (kind === "own") return ownPath(samples);
    const from = start ?? HOME;
    if (near(from, moved.towards)) {
      throw new ApiError("path_missing", "The camera is where it would begin. Move it to where the video shall end.");
    }
    return travelPath(from, moved.towards);
  };
  /** Do what may fail, and say why it did. */
  const trying = (work: () => void) => {
    try {
      work();
    } catch (error) {
      setState({ kind: "failed", error });
    }
  };
  const own = samples.length > 1 ? ((samples.at(-1)?.ms ?? 0) - (samples[0]?.ms ?? 0)) / 1_000 : null;
  const secondsOf = ({ kind, seconds }: Settings) => (kind === "own" ? (own ?? 0) : seconds);

  const stop = () => running.current?.abort();
  const follow = (limit: number) => {
    stop();
    const stopped = new AbortController();
    running.current = stopped;
    const began = performance.now();
    const taken: Sample[] = [];
    const take = () => {
      const moved = player.current;
      const ms = performance.now() - began;
      if (moved) taken.push({ ms, place: moved.at });
      if (ms >= limit * 1_000) stopped.abort();
      if (stopped.signal.aborted) {
        setSamples(taken);
        setState({ kind: "idle" });
        return;
      }
      setState({ kind: "following", ms });
      requestAnimationFrame(take);
    };
    take();
  };
  const preview = (settings: Settings) =>
    trying(() => {
      const path = pathOf(settings.kind);
      const whole = secondsOf(settings) * 1_000;
      setState((before) => (before.kind === "failed" ? { kind: "idle" } : before));
      player.current?.play((ms) => (ms >= whole ? null : path(ms / whole)));
    });
  const begin = (settings: Settings) =>
    trying(() => {
      const moved = player.current;
      if (!moved) return;
      const take = {
        path: pathOf(settings.kind),
        loop: loops(settings.kind),
        seconds: secondsOf(settings),
        size: sizeOf(frame, settings.longest),
      };
      stop();
      const cancelled = new AbortController();
      running.current = cancelled;
      setState({ kind: "recording", done: 0 });
      const progress = (done: number) => cancelled.signal.aborted || setState({ kind: "recording", done });
      const work = async () => {
        const { file, choice } = await record(moved.stage, take, progress, cancelled.signal);
        const facts = { bytes: file.size, title: choice.title, ...take.size };
        setState({ kind: "done", url: URL.createObjectURL(file), name: fileName(name, choice), ...facts });
      };
      moved.hold(work).catch((error: unknown) => {
        setState(cancelled.signal.aborted ? { kind: "idle" } : { kind: "failed", error });
      });
    });
  return { state, own, follow, stop, preview, record: begin };
}
