import type { ReactNode } from "react";

import { Button } from "./Button";
import { Dialog } from "./Dialog";
import type { IconName } from "./icons";
import { Trouble } from "./states";

type Props<T> = { title: string; item: T | null; onClose: () => void; children: (item: T) => ReactNode };

/**
 * Asks before something that cannot be undone. What `children` makes is there only while the dialog is open: the
 * error of one refusal is gone when the next thing is asked.
 */
export function Confirm<T>({ title, item, onClose, children }: Props<T>): ReactNode {
  return (
    <Dialog title={title} open={item !== null} onClose={onClose}>
      {item !== null && children(item)}
    </Dialog>
  );
}

type BodyProps = {
  act: string;
  keep: string;
  icon?: IconName;
  look?: "danger" | "main";
  mutation: { error: unknown; isPending: boolean; mutate: () => void };
  onClose: () => void;
  children: ReactNode;
};

function Body({ act, keep, icon, look = "danger", mutation, onClose, children }: BodyProps): ReactNode {
  return (
    <>
      <p className="text-soft">{children}</p>
      {mutation.error !== null && <Trouble error={mutation.error} />}
      <div className="flex flex-wrap justify-end gap-2">
        <Button data-first onClick={onClose}>
          {keep}
        </Button>
        <Button look={look} {...(icon && { icon })} busy={mutation.isPending} onClick={() => mutation.mutate()}>
          {act}
        </Button>
      </div>
    </>
  );
}

Confirm.Body = Body;
