import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";

import { cancelScene, photoOf, type Scene } from "../api/scenes";
import { ordinal } from "../lib/words";
import { Button } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Picture } from "../ui/Picture";
import { Progress, Trouble } from "../ui/states";
import { warmViewer } from "../viewer/warm";
import { useProgress } from "./live";
import { progressOfStatus, STAGES } from "./stages";
import { sentAs } from "./uploads";

/** A scene that is being made: each stage as it happens, beside the photo. */
export function Making({ scene }: { scene: Scene }): ReactNode {
  const progress = useProgress(scene.id) ?? progressOfStatus(scene.status);
  const cancel = useMutation({ mutationFn: () => cancelScene(scene.id) });
  useEffect(warmViewer, []);
  return (
    <div className="grid items-start gap-8 md:grid-cols-[3fr_2fr]">
      <Picture
        sources={[sentAs(scene.id)?.picture?.url, photoOf(scene)]}
        alt="The photo"
        className="breathe w-full rounded-3xl bg-wash shadow-lift"
      />
      <div className="grid gap-6">
        <Progress value={progress.fraction} label="How far the scene is" />
        <ol aria-label="Stages" className="grid gap-1">
          {STAGES.map((stage, index) => (
            <Step
              key={stage.key}
              id={stage.key}
              title={stage.title}
              about={index === 0 ? waiting(scene) : stage.about}
              state={index < progress.stage ? "done" : index === progress.stage ? "now" : "later"}
            />
          ))}
        </ol>
        {cancel.error && <Trouble error={cancel.error} />}
        <div>
          <Button
            icon="close"
            busy={cancel.isPending}
            disabled={scene.cancel_requested_at !== null}
            onClick={() => cancel.mutate()}
          >
            {scene.cancel_requested_at ? "Asked to stop" : "Stop"}
          </Button>
        </div>
      </div>
    </div>
  );
}

function waiting({ queue }: Scene): string {
  if (!queue) return "until a worker takes the photo";
  const seconds = queue.estimated_seconds;
  return `${ordinal(queue.position)} in line${seconds === null ? "" : `, about ${Math.max(1, Math.round(seconds))} s`}`;
}

function Step({
  id,
  title,
  about,
  state,
}: {
  id: string;
  title: string;
  about: string;
  state: "done" | "now" | "later";
}): ReactNode {
  return (
    <li
      data-stage={id}
      aria-current={state === "now" ? "step" : undefined}
      className={`flex gap-3.5 rounded-2xl px-3 py-2.5 ${state === "now" ? "bg-accent-wash" : ""}`}
    >
      <span
        className={`mt-0.5 grid size-6 shrink-0 place-items-center rounded-full border-2 ${state === "later" ? "border-line" : "border-accent"} ${state === "done" ? "bg-accent text-on-accent" : ""}`}
      >
        {state === "done" && <Icon name="check" className="size-3.5" />}
        {state === "now" && <span className="breathe size-2.5 rounded-full bg-accent" />}
      </span>
      <span className="grid">
        <span className={state === "later" ? "text-soft" : "font-medium"}>{title}</span>
        {state === "now" && <span className="text-sm text-soft">{about}</span>}
      </span>
    </li>
  );
}
