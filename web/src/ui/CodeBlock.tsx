import { type ReactNode, useRef, useState } from "react";

import { Button } from "./Button";
import { taken, WORDS } from "./Copy";

/** Lines of code as they are, with a button that copies them. */
export function CodeBlock({ code, label }: { code: string; label: string }): ReactNode {
  const shown = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState<keyof typeof WORDS>("no");
  const copy = async () => setCopied((await taken(code, shown.current)) ? "yes" : "failed");
  return (
    <div className="grid gap-2 rounded-2xl border border-line bg-wash p-3">
      <pre tabIndex={0} aria-label={label} className="max-h-80 overflow-auto font-mono text-sm">
        <code ref={shown}>{code}</code>
      </pre>
      <Button
        small
        icon={copied === "yes" ? "check" : "copy"}
        aria-label={`Copy the ${label}`}
        className="justify-self-end"
        onClick={() => void copy()}
      >
        <span aria-live="polite">{WORDS[copied]}</span>
      </Button>
    </div>
  );
}
