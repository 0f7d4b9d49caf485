import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";

import { exportAll } from "../api/bulk";
import { formats } from "../api/exports";
import type { SceneItem } from "../api/scenes";
import { Button, ButtonLink } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Select } from "../ui/Field";
import { Progress, Trouble } from "../ui/states";
import { inWords } from "./SelectionBar";

type Props = { scenes: SceneItem[] | null; onClose: () => void };

/** Has a file made of each of them; when they are done they can be packed as one zip. */
export function ExportSeveral({ scenes, onClose }: Props): ReactNode {
  return (
    <Dialog title="Export the selected scenes" open={scenes !== null} onClose={onClose}>
      {scenes && <Body scenes={scenes} onClose={onClose} />}
    </Dialog>
  );
}

function Body({ scenes, onClose }: { scenes: SceneItem[]; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const known = useQuery({ queryKey: ["formats"], queryFn: formats, staleTime: Number.POSITIVE_INFINITY }).data ?? [];
  const [format, setFormat] = useState("spz");
  const [ordered, setOrdered] = useState(0);
  const stop = useRef(new AbortController());
  useEffect(() => {
    const own = (stop.current = new AbortController());
    return () => own.abort(); // what is ordered is made; the rest waits for another time
  }, []);
  const make = useMutation({
    mutationFn: () =>
      exportAll(
        scenes.map(({ id }) => id),
        format,
        setOrdered,
        stop.current.signal,
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ["exports"] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.isSuccess) {
    return (
      <>
        <p role="status">{inWords(make.data, "ordered")}.</p>
        <div className="flex flex-wrap justify-end gap-2">
          <Button data-first onClick={onClose}>
            Done
          </Button>
          <ButtonLink look="main" to="/exports">
            To your exports
          </ButtonLink>
        </div>
      </>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-5">
      <FormatSelect known={known} value={format} onChange={setFormat} />
      {make.isPending && (
        <div role="status" className="grid gap-2">
          <p className="text-sm text-soft">
            {ordered} of {scenes.length} ordered. Keep this open: your account makes only some at a time.
          </p>
          <Progress value={ordered / scenes.length} label="How many are ordered" />
        </div>
      )}
      {make.error && <Trouble error={make.error} />}
      <div className="flex justify-end">
        <Button look="main" type="submit" icon="image" busy={make.isPending}>
          Export {scenes.length}
        </Button>
      </div>
    </form>
  );
}

type Known = { name: string; title: string; description: string };

export function FormatSelect({
  known,
  value,
  onChange,
  extra,
}: {
  known: Known[];
  value: string;
  onChange: (value: string) => void;
  /** A choice before the formats. */
  extra?: [string, string];
}): ReactNode {
  return (
    <Select
      label="Format"
      hint={known.find(({ name }) => name === value)?.description}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    >
      {extra && <option value={extra[0]}>{extra[1]}</option>}
      {known.map(({ name, title }) => (
        <option key={name} value={name}>
          {title}
        </option>
      ))}
    </Select>
  );
}
