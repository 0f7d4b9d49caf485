import { type ReactNode, useEffect, useId, useRef } from "react";

import { IconButton } from "./Button";

/** The browser's own modal: it keeps the focus, and Escape closes it. */
export function Dialog({
  title,
  open,
  onClose,
  children,
}: {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={onClose}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-3xl border border-line bg-card p-0 text-ink shadow-2xl"
    >
      {open && (
        <div className="grid gap-5 p-6 sm:p-7">
          <div className="flex items-start justify-between gap-4">
            <h2 id={id} className="pt-2 text-xl font-semibold">
              {title}
            </h2>
            <IconButton icon="close" label="Close" onClick={onClose} className="-mr-2 text-soft hover:bg-wash" />
          </div>
          {children}
        </div>
      )}
    </dialog>
  );
}
