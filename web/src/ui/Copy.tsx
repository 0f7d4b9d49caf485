import { type ReactNode, useRef, useState } from "react";

import { Button } from "./Button";

export const WORDS = { no: "Copy", yes: "Copied", failed: "Select it and copy" } as const;

/** A text that is to be taken elsewhere, with a button that copies it. */
export function Copy({ text, label }: { text: string; label: string }): ReactNode {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState<keyof typeof WORDS>("no");
  const copy = async () => setCopied((await taken(text, code.current)) ? "yes" : "failed");
  return (
    <div className="flex items-center gap-2 rounded-2xl border border-line bg-wash p-2 pl-4">
      <code ref={code} className="min-w-0 flex-1 font-mono text-sm break-all select-all">
        {text}
      </code>
      <Button small icon={copied === "yes" ? "check" : "copy"} aria-label={`Copy ${label}`} onClick={() => void copy()}>
        <span aria-live="polite">{WORDS[copied]}</span>
      </Button>
    </div>
  );
}

/** Copy the text; where the browser gives no clipboard (plain http), by the selection. Returns whether it worked. */
export async function taken(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // undefined on an origin that is not secure
    return true;
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
    return document.execCommand("copy");
  }
}
