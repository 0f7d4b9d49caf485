import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

import { useSignedIn } from "../lib/useSignedIn";
import { send } from "../scene/waiting";
import { Trouble } from "../ui/states";
import { fileOf, type Sample, SAMPLES } from "./samples";

/** Photos for those who have none at hand: one press sends it, as if it had been dropped. */
export function Samples(): ReactNode {
  const signedIn = useSignedIn();
  const navigate = useNavigate();
  const take = useMutation({
    mutationFn: fileOf,
    onSuccess: (file) => void navigate(send([file], signedIn)),
  });
  return (
    <section aria-labelledby="samples" className="grid gap-4">
      <div className="grid gap-1">
        <h2 id="samples" className="text-xl font-semibold">
          No photo at hand? Try one of these
        </h2>
        {!signedIn && <p className="text-soft">Create an account, and its scene is made at once.</p>}
      </div>
      <ul className="pictures">
        {SAMPLES.map((sample) => (
          <One key={sample.file} sample={sample} busy={take.isPending} onTake={() => take.mutate(sample)} />
        ))}
      </ul>
      {take.error && <Trouble error={take.error} />}
    </section>
  );
}

function One({ sample, busy, onTake }: { sample: Sample; busy: boolean; onTake: () => void }): ReactNode {
  const { name, url, credit, ratio } = sample;
  return (
    <li
      // Two beside each other on a phone.
      style={{ "--ratio": ratio, flexBasis: `${ratio * 6.5}rem`, maxWidth: `${ratio * 13}rem` } as React.CSSProperties}
    >
      <button type="button" disabled={busy} onClick={onTake} className="grid w-full gap-2 rounded-2xl text-left">
        <img
          src={url}
          alt=""
          loading="lazy"
          style={{ aspectRatio: ratio }}
          className="w-full rounded-2xl bg-wash object-cover shadow-lift"
        />
        <span className="px-1 font-medium">{name}</span>
      </button>
      <p className="px-1 text-sm text-soft">Photo: {credit}</p>
    </li>
  );
}
