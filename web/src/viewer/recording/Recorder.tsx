import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";

import { size as sizeInWords } from "../../lib/words";
import { Button, shape } from "../../ui/Button";
import { Field, Select } from "../../ui/Field";
import { Icon } from "../../ui/icons";
import { Progress, Trouble } from "../../ui/states";
import type { Frame } from "../frame";
import type { Place } from "../motion";
import type { Player } from "../player";
import type { PathKind } from "./paths";
import { type Recorder as Recording, type RecorderState, useRecorder } from "./useRecorder";

type Props = {
  player: RefObject<Player | null>;
  frame: Frame;
  start: Place | null;
  name: string;
};

const KINDS: [PathKind, string][] = [
  ["sway", "Sway to both sides (a loop)"],
  ["turn", "Turn in a circle (a loop)"],
  ["travel", "From the first view to this one"],
  ["own", "As I move it"],
];
const SIZES: [number, string][] = [
  [640, "640 pixels: for messages"],
  [1280, "1,280 pixels (HD)"],
  [1920, "1,920 pixels (Full HD)"],
];
const LONGEST_S = 20;

/** A video of the scene, made here in the browser: which way, how long, how large. */
export function Recorder({ player, frame, start, name }: Props): ReactNode {
  const [kind, setKind] = useState<PathKind>("sway");
  const [length, setLength] = useState("4");
  const [longest, setLongest] = useState(1280);
  const recorder = useRecorder(player, { frame, start, name });
  const { state, own } = recorder;
  const seconds = Number(length);
  const wrong = !(seconds >= 1 && seconds <= LONGEST_S);
  const busy = state.kind === "recording" || state.kind === "following";
  const settings = { kind, seconds, longest };
  const ready = !busy && !wrong && (kind !== "own" || own !== null);
  return (
    <section aria-label="Record a video" className="mx-auto grid w-full max-w-2xl gap-4 rounded-2xl bg-wash p-4 sm:p-5">
      <div className="grid gap-4 sm:grid-cols-[2fr_1fr_2fr]">
        <Select
          label="Movement"
          value={kind}
          disabled={busy}
          onChange={({ target }) => setKind(target.value as PathKind)}
        >
          {KINDS.map(([each, title]) => (
            <option key={each} value={each}>
              {title}
            </option>
          ))}
        </Select>
        <Field
          label={kind === "own" ? "At most, s" : "Length, s"}
          type="number"
          min={1}
          max={LONGEST_S}
          step={0.5}
          value={length}
          disabled={busy}
          error={wrong ? `1 to ${LONGEST_S} seconds` : undefined}
          onChange={({ target }) => setLength(target.value)}
        />
        <Select
          label="Longer side"
          value={longest}
          disabled={busy}
          onChange={({ target }) => setLongest(Number(target.value))}
        >
          {SIZES.map(([pixels, title]) => (
            <option key={pixels} value={pixels}>
              {title}
            </option>
          ))}
        </Select>
      </div>
      {kind === "own" && <Own recorder={recorder} limit={seconds} disabled={wrong || state.kind === "recording"} />}
      <div className="flex flex-wrap gap-2">
        <Button small disabled={!ready} onClick={() => recorder.preview(settings)}>
          Preview
        </Button>
        {state.kind === "recording" ? (
          <Button small icon="close" onClick={recorder.stop}>
            Cancel
          </Button>
        ) : (
          <Button small look="main" icon="film" disabled={!ready} onClick={() => recorder.record(settings)}>
            Make the video
          </Button>
        )}
      </div>
      <Outcome state={state} />
    </section>
  );
}

/** The camera is followed while a hand moves it. */
function Own({ recorder, limit, disabled }: { recorder: Recording; limit: number; disabled: boolean }): ReactNode {
  const { state, own, follow, stop } = recorder;
  const following = state.kind === "following";
  return (
    <div className="flex flex-wrap items-center gap-3 text-sm">
      {following ? (
        <Button small icon="check" onClick={stop}>
          Stop
        </Button>
      ) : (
        <Button small icon="film" disabled={disabled} onClick={() => follow(limit)}>
          {own === null ? "Start moving" : "Move again"}
        </Button>
      )}
      <p role="status" className="text-soft">
        {following
          ? `Move the scene now: ${(state.ms / 1_000).toFixed(0)} s of ${limit}.`
          : own === null
            ? "Start, and then drag the scene, or use the keys."
            : `Your move takes ${own.toFixed(1)} s.`}
      </p>
    </div>
  );
}

function Outcome({ state }: { state: RecorderState }): ReactNode {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (state.kind === "done") link.current?.focus();
  }, [state.kind]);
  if (state.kind === "recording") return <Progress value={state.done} label="How much of the video is made" />;
  if (state.kind === "failed") return <Trouble error={state.error} />;
  if (state.kind !== "done") return null;
  return (
    <div className="grid justify-items-start gap-2">
      <a ref={link} href={state.url} download={state.name} className={shape({ look: "main" })}>
        <Icon name="download" />
        <span className="max-w-60 truncate">{state.name}</span>
      </a>
      <p role="status" className="text-sm text-soft">
        {`${state.title}, ${state.width} × ${state.height} pixels, ${sizeInWords(state.bytes)}. It was made in this browser and is stored nowhere else.`}
      </p>
    </div>
  );
}
