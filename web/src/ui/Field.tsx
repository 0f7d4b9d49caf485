import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";

export const BOX =
  "w-full min-h-11 rounded-xl border border-edge bg-card px-3.5 text-base text-ink placeholder:text-soft aria-[invalid=true]:border-bad";
export type Own = { label: string; hint?: string | undefined; error?: string | undefined; hideLabel?: boolean };

export function Around({
  id,
  label,
  hint,
  error,
  hideLabel = false,
  children,
}: Own & { id: string; children: ReactNode }): ReactNode {
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className={hideLabel ? "sr-only" : "text-sm font-medium"}>
        {label}
      </label>
      {children}
      {(error ?? hint) && (
        <p id={`${id}-about`} className={`text-sm ${error ? "text-bad" : "text-soft"}`}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

export function Field({
  label,
  hint,
  error,
  hideLabel,
  ...rest
}: Own & InputHTMLAttributes<HTMLInputElement>): ReactNode {
  const id = useId();
  const about = error || hint ? `${id}-about` : undefined;
  return (
    <Around {...{ id, label, hint, error, ...(hideLabel && { hideLabel }) }}>
      <input id={id} aria-invalid={error ? true : undefined} aria-describedby={about} {...rest} className={BOX} />
    </Around>
  );
}

export function Select({
  label,
  hint,
  error,
  hideLabel,
  children,
  ...rest
}: Own & SelectHTMLAttributes<HTMLSelectElement>): ReactNode {
  const id = useId();
  return (
    <Around {...{ id, label, hint, error, ...(hideLabel && { hideLabel }) }}>
      <select id={id} aria-describedby={error || hint ? `${id}-about` : undefined} {...rest} className={BOX}>
        {children}
      </select>
    </Around>
  );
}

export function Tick({ label, ...rest }: { label: ReactNode } & InputHTMLAttributes<HTMLInputElement>): ReactNode {
  return (
    <label className="flex min-h-9 items-center gap-2.5 text-sm">
      <input type="checkbox" {...rest} className="size-4.5 accent-(--accent)" />
      <span>{label}</span>
    </label>
  );
}
