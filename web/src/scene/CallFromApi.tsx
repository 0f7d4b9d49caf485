import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { Link } from "react-router";

import { type Kind, KINDS, type Snippets } from "../api/snippets";
import { CodeBlock } from "../ui/CodeBlock";

const CHOSEN = "sharpstream.snippets";
const NEEDS: Record<Kind, ReactNode> = {
  curl: null,
  python: (
    <>
      Needs <code>pip install &quot;sharpstream[client]&quot;</code>.
    </>
  ),
  javascript: (
    <>
      Needs <code>npm install @sharpstream/client</code>; saved as a <code>.mjs</code> file it runs in Node.
    </>
  ),
  cli: (
    <>
      Needs <code>pip install &quot;sharpstream[client]&quot;</code>.
    </>
  ),
};

/** The same by a program: code to copy, in the language that was chosen last. `isNewKey`: beside the key itself. */
export function CallFromApi({ snippets, isNewKey = false }: { snippets: Snippets; isNewKey?: boolean }): ReactNode {
  return (
    <details className="text-sm">
      <summary className="w-fit rounded py-1.5 font-medium">Call this from the API</summary>
      <div className="grid gap-3 pt-2">
        <p className="text-soft">
          {isNewKey ? (
            <>
              The code reads the key from the environment variable <code>SHARPSTREAM_API_KEY</code>: put it there, not
              into the code.
            </>
          ) : (
            <>
              The code reads a key from the environment variable <code>SHARPSTREAM_API_KEY</code>; create one under{" "}
              <Link to="/keys" className="rounded text-accent underline">
                API keys
              </Link>
              .
            </>
          )}
        </p>
        <Tabs snippets={snippets} />
      </div>
    </details>
  );
}

function Tabs({ snippets }: { snippets: Snippets }): ReactNode {
  const id = useId();
  const [kind, setKind] = useState<Kind>(chosen);
  const choose = (next: Kind) => {
    localStorage.setItem(CHOSEN, next);
    setKind(next);
  };
  const move = (event: KeyboardEvent<HTMLDivElement>) => {
    const at = KINDS.findIndex(([each]) => each === kind);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: KINDS.length - 1 }[event.key];
    const next = to === undefined ? undefined : KINDS.at(to % KINDS.length)?.[0];
    if (!next) return;
    event.preventDefault();
    choose(next);
    document.getElementById(`${id}-${next}`)?.focus();
  };
  const title = KINDS.find(([each]) => each === kind)?.[1] ?? "";
  return (
    <div className="grid gap-2">
      <div role="tablist" aria-label="Language" className="flex flex-wrap gap-1" onKeyDown={move}>
        {KINDS.map(([each, words]) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`${id}-${each}`}
            aria-selected={each === kind}
            aria-controls={`${id}-code`}
            tabIndex={each === kind ? 0 : -1}
            onClick={() => choose(each)}
            className={`min-h-9 rounded-full px-3.5 font-medium ${each === kind ? "bg-accent-wash text-accent" : "text-soft hover:bg-wash"}`}
          >
            {words}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-code`} aria-labelledby={`${id}-${kind}`} className="grid gap-2">
        <CodeBlock key={kind + snippets[kind]} code={snippets[kind]} label={`${title} code`} />
        {NEEDS[kind] && <p className="text-soft">{NEEDS[kind]}</p>}
      </div>
    </div>
  );
}

function chosen(): Kind {
  const kept = localStorage.getItem(CHOSEN);
  return KINDS.find(([each]) => each === kept)?.[0] ?? "curl";
}
