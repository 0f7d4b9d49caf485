import { type ReactNode, useState } from "react";

import { Button } from "./Button";

/** A text that is to be taken elsewhere, with a button that copies it. */
export function Copy({ text, label }: { text: string; label: string }): ReactNode {
  const [copied, setCopied] = useState(false);
  return (
    <div className="flex items-center gap-2 rounded-2xl border border-line bg-wash p-2 pl-4">
      <code className="min-w-0 flex-1 font-mono text-sm break-all select-all">{text}</code>
      <Button
        small
        icon={copied ? "check" : "copy"}
        aria-label={`Copy ${label}`}
        onClick={() => void navigator.clipboard?.writeText(text).then(() => setCopied(true))}
      >
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </Button>
    </div>
  );
}
