import type { ReactNode } from "react";

import { asApiError } from "../api/problem";
import { Button } from "./Button";
import { Copy } from "./Copy";
import { Icon, type IconName } from "./icons";

type TroubleProps = { error: unknown; retry?: () => void; act?: string };

/** An error in the service's own sentence; its code and what to name when asking for help are folded away. */
export function Trouble({ error, retry, act = "Try again" }: TroubleProps): ReactNode {
  const problem = asApiError(error);
  const details = [problem.code, problem.correlationId].filter(Boolean).join(" ");
  return (
    <div role="alert" className="flex gap-3 rounded-2xl bg-bad-wash px-4 py-3.5 text-bad">
      <Icon name="alert" className="mt-0.5 size-5" />
      <div className="grid min-w-0 flex-1 gap-1.5">
        <p className="break-words">{problem.sentence}</p>
        {retry && (
          <div className="pt-1">
            <Button small onClick={retry} icon="reset">
              {act}
            </Button>
          </div>
        )}
        <details className="text-xs">
          <summary className="w-fit rounded">Details</summary>
          <div className="pt-2 text-ink">
            <Copy text={details} label="the details" />
          </div>
        </details>
      </div>
    </div>
  );
}

/** Something to know that is no error. */
export function Note({ children }: { children: ReactNode }): ReactNode {
  return (
    <p role="note" className="rounded-2xl bg-accent-wash px-4 py-3 text-sm">
      {children}
    </p>
  );
}

/** Nothing here yet, and how to begin. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="grid justify-items-center gap-3 rounded-3xl border border-dashed border-line px-6 py-14 text-center">
      <span className="grid size-14 place-items-center rounded-full bg-accent-wash text-accent">
        <Icon name={icon} className="size-6" />
      </span>
      <h2 className="text-lg font-semibold">{title}</h2>
      <div className="max-w-md text-soft">{children}</div>
    </div>
  );
}

/** Grey shapes where rows will be. */
export function Rows({ count = 3 }: { count?: number }): ReactNode {
  return (
    <div role="status" aria-label="Loading" className="grid gap-3">
      {Array.from({ length: count }, (_, row) => (
        <div key={row} className="shimmer h-16 rounded-2xl" />
      ))}
    </div>
  );
}

export function Badge({
  tone = "soft",
  children,
}: {
  tone?: "soft" | "good" | "bad" | "warm" | "accent";
  children: ReactNode;
}): ReactNode {
  const tones = {
    soft: "bg-wash text-soft",
    good: "bg-wash text-good",
    bad: "bg-bad-wash text-bad",
    warm: "bg-wash text-warm",
    accent: "bg-accent-wash text-accent",
  };
  return (
    <span className={`inline-flex items-center rounded-full px-2.5 py-0.5 text-xs font-medium ${tones[tone]}`}>
      {children}
    </span>
  );
}

/** How much is done, 0 to 1. */
export function Progress({ value, label }: { value: number; label: string }): ReactNode {
  const percent = Math.round(value * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      className="h-1.5 overflow-hidden rounded-full bg-wash"
    >
      <div className="h-full rounded-full bg-accent transition-[width] duration-300" style={{ width: `${percent}%` }} />
    </div>
  );
}
