import { type MouseEvent, type ReactNode, useEffect, useId, useRef } from "react";

import { IconButton } from "./Button";

type Props = {
  title: string;
  open: boolean;
  onClose: () => void;
  /** Something in it is shown this once: neither Escape nor a click beside it may lose it. */
  held?: boolean;
  children: ReactNode;
};

/** The browser's own modal: it keeps the focus; Escape and a click beside it close it. */
export function Dialog({ title, open, onClose, held = false, children }: Props): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return dialog.current?.close();
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>("input, select, textarea, [data-first]")?.focus();
  }, [open]);
  const beside = (event: MouseEvent) => {
    if (event.target === dialog.current && !held) onClose(); // its content covers it: only the backdrop is left
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      {...{ closedby: held ? "none" : "closerequest" }} // by this Chromium keeps it open at a second Escape too
      onCancel={(event) => held && event.preventDefault()}
      onClose={onClose}
      onMouseDown={beside}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-3xl border border-line bg-card p-0 text-ink shadow-2xl"
    >
      {open && (
        <div className="grid gap-5 p-6 sm:p-7">
          <div className="flex items-start justify-between gap-4">
            <h2 id={id} className="min-w-0 pt-2 text-xl font-semibold wrap-anywhere">
              {title}
            </h2>
            {!held && (
              <IconButton icon="close" label="Close" onClick={onClose} className="-mr-2 text-soft hover:bg-wash" />
            )}
          </div>
          {children}
        </div>
      )}
    </dialog>
  );
}
