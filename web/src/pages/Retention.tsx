import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import {
  erasures,
  type Policy,
  resetRetention,
  retention,
  type Retention as Stated,
  setRetention,
} from "../api/retention";
import { day, lasting, many } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Select } from "../ui/Field";
import { Card } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";

type Kind = keyof Policy;

const KINDS: [Kind, string][] = [
  ["scenes_hours", "Whole scenes"],
  ["originals_hours", "Photos"],
  ["results_hours", "3D results"],
  ["exports_hours", "Exports"],
  ["views_hours", "Previews and viewer files"],
  ["names_hours", "Names"],
  ["client_metadata_hours", "Your own metadata"],
  ["webhooks_hours", "Webhooks that were sent"],
  ["idempotency_hours", "Answers to repeated requests"],
];
const HOURS = [24, 7 * 24, 30 * 24, 90 * 24, 365 * 24];
const SHORT = [1, 6, 12, 24];

/** How long what is kept, and what was erased because its time was over. */
export function Retention(): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["retention"], queryFn: retention });
  return (
    <Card title="How long data are kept">
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {!data && !error && <Rows />}
      {data && <Form stated={data} key={JSON.stringify(data.policy)} />}
      <Erased />
    </Card>
  );
}

function Form({ stated }: { stated: Stated }): ReactNode {
  const [policy, setPolicy] = useState(stated.policy);
  const [asked, setAsked] = useState<"save" | "reset" | null>(null);
  const changed = KINDS.some(([kind]) => policy[kind] !== stated.policy[kind]);
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => (asked === "reset" ? resetRetention() : setRetention(policy)),
    onSuccess: (now) => {
      setAsked(null);
      queries.setQueryData(["retention"], now);
    },
  });
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        setAsked("save");
      }}
    >
      <p className="text-sm text-soft">
        Counted from the end of each job. What is older is erased for good; usage stays.
        {stated.is_default && " This is the policy of the service; you may set your own."}
      </p>
      <div className="grid gap-4 sm:grid-cols-2">
        {KINDS.map(([kind, label]) => (
          <Select
            key={kind}
            label={label}
            value={policy[kind] ?? ""}
            onChange={({ target }) =>
              setPolicy({ ...policy, [kind]: target.value === "" ? null : Number(target.value) })
            }
          >
            <option value="">{kind === "idempotency_hours" ? "As long as they are needed" : "For ever"}</option>
            {hoursOf(kind, stated.policy[kind]).map((hours) => (
              <option key={hours} value={hours}>
                {lasting(hours)}
              </option>
            ))}
          </Select>
        ))}
      </div>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" disabled={!changed}>
          Save
        </Button>
        {!stated.is_default && <Button onClick={() => setAsked("reset")}>Use the default</Button>}
      </div>
      <Confirm title="Erase what is older?" item={asked} onClose={() => setAsked(null)}>
        {() => (
          <Confirm.Body act="Erase what is older" keep="Cancel" mutation={change} onClose={() => setAsked(null)}>
            What is older than this says is erased within minutes, and so is everything once it is that old. This cannot
            be undone.
          </Confirm.Body>
        )}
      </Confirm>
    </form>
  );
}

/** The usual choices, and the one that was made by other ways. */
function hoursOf(kind: Kind, now: number | null): number[] {
  const usual = kind === "idempotency_hours" ? SHORT : HOURS;
  return now === null || usual.includes(now) ? usual : [...usual, now].toSorted((one, other) => one - other);
}

function Erased(): ReactNode {
  const { data } = useQuery({ queryKey: ["erasures"], queryFn: erasures });
  if (!data?.length) return null;
  return (
    <details className="text-sm">
      <summary className="w-fit rounded">Erased lately</summary>
      <table className="mt-3 w-full text-left">
        <thead>
          <tr className="text-soft">
            <th className="font-medium">Day</th>
            <th className="font-medium">What</th>
            <th className="text-right font-medium">How many</th>
          </tr>
        </thead>
        <tbody>
          {data.map((each) => (
            <tr key={each.id}>
              <td>{day(each.first_at)}</td>
              <td>{KINDS.find(([kind]) => kind === `${each.kind}_hours`)?.[1]}</td>
              <td className="text-right">{many(each.count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
