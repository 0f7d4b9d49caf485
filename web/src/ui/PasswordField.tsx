import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";

import { Around, BOX, type Own } from "./Field";

/** A password, which can be shown while it is typed: on a phone nobody sees which key was hit. */
export function PasswordField({ label, hint, error, ...rest }: Own & InputHTMLAttributes<HTMLInputElement>): ReactNode {
  const id = useId();
  const [shown, setShown] = useState(false);
  const about = error || hint ? `${id}-about` : undefined;
  return (
    <Around {...{ id, label, hint, error }}>
      <div className="relative">
        <input
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={about}
          autoCapitalize="none"
          spellCheck={false}
          {...rest}
          type={shown ? "text" : "password"}
          className={`${BOX} pr-18`}
        />
        <button
          type="button"
          title="The password as text"
          aria-pressed={shown}
          aria-controls={id}
          onClick={() => setShown(!shown)}
          className="absolute inset-y-1 right-1 rounded-lg px-3 text-sm text-soft hover:bg-wash hover:text-ink"
        >
          {shown ? "Hide" : "Show"}
        </button>
      </div>
    </Around>
  );
}
