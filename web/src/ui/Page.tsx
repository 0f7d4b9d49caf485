import { type ReactNode, useEffect } from "react";

/** A page's frame: its title, in the tab too, and what can be done there. */
export function Page({
  title,
  lead,
  actions,
  wide = false,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}): ReactNode {
  useTitle(title);
  return (
    <div className={`mx-auto grid w-full gap-8 px-4 pt-8 pb-20 sm:px-8 ${wide ? "max-w-7xl" : "max-w-4xl"}`}>
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-4">
        <div className="grid min-w-0 gap-1.5">
          <h1 className="text-3xl font-semibold wrap-anywhere">{title}</h1>
          {lead && <p className="max-w-2xl text-soft">{lead}</p>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Sharpstream`;
  }, [title]);
}

/** A quiet block with a heading. */
export function Card({
  title,
  aside,
  id,
  children,
}: {
  title?: string;
  aside?: ReactNode;
  id?: string;
  children: ReactNode;
}): ReactNode {
  return (
    <section id={id} className="grid min-w-0 scroll-mt-20 gap-4 rounded-3xl border border-line bg-card p-5 sm:p-6">
      {title && (
        <div className="flex items-center justify-between gap-3">
          <h2 className="text-lg font-semibold">{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}
