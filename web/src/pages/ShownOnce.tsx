import type { ReactNode } from "react";

import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";

type Props = { text: string; label: string; onDone: () => void; children: ReactNode };

/** A secret that is shown this once; it goes away by a press that says so, in a `held` dialog. */
export function ShownOnce({ text, label, onDone, children }: Props): ReactNode {
  return (
    <div className="grid gap-4">
      <p>This is shown once: copy it now. {children}</p>
      <Copy text={text} label={label} />
      <Button look="main" data-first onClick={onDone}>
        Done
      </Button>
    </div>
  );
}
