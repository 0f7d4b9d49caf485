import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Link } from "react-router";

import { changeScene, nameOf, type Scene, tags as tagsOf } from "../api/scenes";
import { queryOf } from "../lib/listing";
import { Button, IconButton } from "../ui/Button";
import { Field } from "../ui/Field";
import { Icon } from "../ui/icons";
import { Trouble } from "../ui/states";

export const LONGEST_NAME = 120;
export const LONGEST_TAG = 40;

/** Change a scene's name, tags or mark, and show the answer wherever the scene is shown. */
export function useChange(sceneId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Parameters<typeof changeScene>[1]) => changeScene(sceneId, body),
    onSuccess: (scene) => {
      queries.setQueryData(["scene", sceneId], scene);
      return Promise.all([
        queries.invalidateQueries({ queryKey: ["scenes"] }),
        queries.invalidateQueries({ queryKey: ["tags"] }),
        queries.invalidateQueries({ queryKey: ["exports"] }), // files are named after the scene
      ]);
    },
  });
}

/** What a scene is called, changed where it stands; its star and its tags. */
export function Notes({ scene }: { scene: Scene }): ReactNode {
  const change = useChange(scene.id);
  const [naming, setNaming] = useState(false);
  const [tagging, setTagging] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const name = nameOf(scene);
  const closed = () => {
    setNaming(false);
    requestAnimationFrame(() => opener.current?.focus());
  };
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-x-1 gap-y-2">
        {naming ? (
          <Rename
            name={scene.name ? name : ""}
            busy={change.isPending}
            onSave={(next) => change.mutate({ name: next }, { onSuccess: closed })}
            onClose={closed}
          />
        ) : (
          <>
            <IconButton
              icon="star"
              label={scene.favourite ? "A favourite: no longer" : "Mark as a favourite"}
              aria-pressed={scene.favourite}
              onClick={() => change.mutate({ favourite: !scene.favourite })}
              className={`-ml-2 hover:bg-wash ${scene.favourite ? "text-warm [&_path]:fill-current" : "text-soft"}`}
            />
            <Button small ref={opener} icon="pen" onClick={() => setNaming(true)}>
              Rename
            </Button>
            <Button small icon="tag" aria-expanded={tagging} onClick={() => setTagging(!tagging)}>
              Tags
            </Button>
            <TagLinks tags={scene.tags} />
          </>
        )}
      </div>
      {tagging && !naming && (
        <TagEditor tags={scene.tags} busy={change.isPending} onSave={(tags) => change.mutate({ tags })} />
      )}
      {change.error && <Trouble error={change.error} />}
    </div>
  );
}

function Rename({
  name,
  busy,
  onSave,
  onClose,
}: {
  name: string;
  busy: boolean;
  onSave: (name: string) => void;
  onClose: () => void;
}): ReactNode {
  const [text, setText] = useState(name);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === name) onClose();
    else onSave(text.trim());
  };
  return (
    <form
      onSubmit={submit}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
      className="flex w-full max-w-2xl flex-wrap items-center gap-2"
    >
      <input
        ref={input}
        aria-label="Name of the scene"
        value={text}
        maxLength={LONGEST_NAME}
        onChange={(event) => setText(event.target.value)}
        className="min-h-11 min-w-0 flex-1 basis-60 rounded-xl border border-edge bg-card px-3.5"
      />
      <Button look="main" type="submit" busy={busy}>
        Save
      </Button>
      <Button onClick={onClose}>Cancel</Button>
    </form>
  );
}

/** Each leads to the scenes with the same tag. */
function TagLinks({ tags }: { tags: string[] }): ReactNode {
  if (!tags.length) return null;
  return (
    <ul aria-label="Tags" className="flex flex-wrap gap-1.5 pl-1">
      {tags.map((tag) => (
        <li key={tag}>
          <Link
            to={`/?${queryOf({ tag })}`}
            className="inline-flex min-h-9 items-center rounded-full bg-wash px-3 text-sm hover:bg-accent-wash"
          >
            {tag}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function TagEditor({
  tags,
  busy,
  onSave,
}: {
  tags: string[];
  busy: boolean;
  onSave: (tags: string[]) => void;
}): ReactNode {
  const [text, setText] = useState("");
  const add = (event: FormEvent) => {
    event.preventDefault();
    const next = text.trim().toLowerCase();
    if (next && !tags.includes(next)) onSave([...tags, next]);
    setText("");
  };
  return (
    <div className="grid max-w-2xl gap-3 rounded-2xl bg-wash p-4">
      {tags.length > 0 && (
        <ul aria-label="Tags to remove" className="flex flex-wrap gap-1.5">
          {tags.map((tag) => (
            <li key={tag}>
              <button
                type="button"
                aria-label={`Remove the tag ${tag}`}
                onClick={() => onSave(tags.filter((each) => each !== tag))}
                className="inline-flex min-h-9 items-center gap-1.5 rounded-full bg-card px-3 text-sm hover:text-bad"
              >
                {tag} <Icon name="close" className="size-4" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={add} className="flex flex-wrap items-end gap-2">
        <div className="min-w-0 flex-1 basis-52">
          <TagField value={text} onChange={setText} />
        </div>
        <Button type="submit" busy={busy} disabled={!text.trim()}>
          Add
        </Button>
      </form>
    </div>
  );
}

/** A field for one tag, with those that the account has as suggestions. */
export function TagField({ value, onChange }: { value: string; onChange: (value: string) => void }): ReactNode {
  const known = useQuery({ queryKey: ["tags"], queryFn: tagsOf, staleTime: 60_000 }).data ?? [];
  const list = useId();
  return (
    <>
      <Field
        label="New tag"
        value={value}
        maxLength={LONGEST_TAG}
        list={list}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={list}>
        {known.map(({ tag }) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
    </>
  );
}
