import type { FormEvent, ReactNode } from "react";
import { Link } from "react-router";

type Props = { title: string; above?: ReactNode; onSubmit?: () => void; other?: ReactNode; children: ReactNode };

/** The frame of what is seen before somebody is signed in: a title, a form or a few words, and the way elsewhere. */
export function Entry({ title, above, onSubmit, other, children }: Props): ReactNode {
  const shape = "grid gap-5 rounded-3xl border border-line bg-card p-6 shadow-lift sm:p-8";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit?.();
  };
  return (
    <div className="mx-auto grid w-full max-w-md gap-6 px-4 pt-12 pb-20 sm:pt-20">
      <h1 className="text-center text-3xl font-semibold">{title}</h1>
      {above}
      {onSubmit ? (
        <form onSubmit={submit} className={shape}>
          {children}
        </form>
      ) : (
        <div className={shape}>{children}</div>
      )}
      {other && <p className="text-center text-soft">{other}</p>}
    </div>
  );
}

export function Elsewhere({ to, children }: { to: string; children: ReactNode }): ReactNode {
  return (
    <Link to={to} className="font-medium text-accent underline">
      {children}
    </Link>
  );
}
