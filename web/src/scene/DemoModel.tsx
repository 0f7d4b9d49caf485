import type { ReactNode } from "react";

import { DEMO, useModels } from "../api/models";
import { Note } from "../ui/states";

/** Nobody should take the demo model's flat cards for what the service can do. */
export function DemoModel(): ReactNode {
  const running = useModels().find(({ running: isRunning }) => isRunning);
  if (running?.name !== DEMO) return null;
  return (
    <Note>
      The demo model runs: scenes are flat. For real depth, whoever runs this service starts it with{" "}
      <code className="font-mono text-sm">INFERENCE_MODEL=layered</code>, the default.
    </Note>
  );
}

/** The same on a scene that it made, whichever model runs now. */
export function MadeByDemoModel({ metadata }: { metadata: Record<string, unknown> }): ReactNode {
  const { name } = (metadata.model ?? {}) as { name?: string };
  if (name !== DEMO) return null;
  return <Note>The demo model made this scene, so it is flat. Send the photo again once another model runs.</Note>;
}
