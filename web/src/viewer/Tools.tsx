import { type ReactNode, type RefObject, useState } from "react";

import { Button } from "../ui/Button";
import type { IconName } from "../ui/icons";
import { Trouble } from "../ui/states";
import type { Frame } from "./frame";
import type { Headset } from "./headset";
import type { Scale } from "./measure";
import { Measured } from "./Measures";
import { HOME, type Place } from "./motion";
import type { Player } from "./player";
import { Recorder } from "./recording/Recorder";
import { useHeadsets } from "./useHeadsets";
import type { Measuring } from "./useMeasuring";
import { useTilt } from "./useTilt";

type Props = {
  player: RefObject<Player | null>;
  name: string;
  frame: Frame;
  start: Place | null;
  /** Where the owner looks: saves from where the scene is seen at first. */
  onSaveStart?: ((place: Place) => Promise<void>) | undefined;
  scale: Scale;
  depth: boolean;
  onDepth: () => void;
  measuring: Measuring;
};

const HEADSETS: Record<Headset, string> = { "immersive-vr": "In VR", "immersive-ar": "In your room" };

/** What else can be done with a scene that one sees: a row of buttons below it, and what the chosen ones show. */
export function Tools({ player, name, frame, start, onSaveStart, scale, depth, onDepth, measuring }: Props): ReactNode {
  const [recording, setRecording] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<unknown>(null);
  const tilt = useTilt(player);
  const headsets = useHeadsets();
  const trying = (work: Promise<void> | undefined) => {
    setError(null);
    work?.catch(setError);
  };
  const present = (headset: Headset) =>
    trying(player.current?.hold(() => player.current?.stage.present(headset) ?? Promise.resolve()));
  const save = () => {
    const place = player.current?.towards ?? HOME;
    trying(
      onSaveStart?.(place).then(() => setSaid("Saved: the scene opens with this view, wherever it is shared too.")),
    );
  };
  return (
    <div className="grid gap-3">
      <div role="group" aria-label="Tools" className="flex flex-wrap justify-center gap-2">
        <Tool icon="layers" pressed={depth} onClick={onDepth}>
          Depth
        </Tool>
        <Tool icon="ruler" pressed={measuring.on} onClick={measuring.toggle}>
          Measure
        </Tool>
        <Button small icon="film" aria-expanded={recording} onClick={() => setRecording(!recording)}>
          Record a video
        </Button>
        {tilt.available && (
          <Tool icon="phone" pressed={tilt.on} onClick={() => trying(tilt.toggle())}>
            Tilt
          </Tool>
        )}
        {headsets.map((headset) => (
          <Button key={headset} small icon="headset" onClick={() => present(headset)}>
            {HEADSETS[headset]}
          </Button>
        ))}
        {onSaveStart && (
          <Button small icon="pin" onClick={save}>
            Start with this view
          </Button>
        )}
      </div>
      <p role="status" className="text-center text-sm text-soft empty:hidden">
        {said}
      </p>
      {error !== null && <Trouble error={error} />}
      {measuring.on && <Measured measuring={measuring} scale={scale} />}
      {recording && <Recorder player={player} frame={frame} start={start} name={name} />}
    </div>
  );
}

function Tool(props: { icon: IconName; pressed: boolean; onClick: () => void; children: ReactNode }): ReactNode {
  const { icon, pressed, onClick, children } = props;
  return (
    <Button
      small
      icon={icon}
      aria-pressed={pressed}
      onClick={onClick}
      className="aria-pressed:border-accent aria-pressed:bg-accent-wash aria-pressed:text-accent"
    >
      {children}
    </Button>
  );
}
