import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { type Export, makeExport, type Options } from "../api/exports";
import { download } from "../lib/download";

/** Orders exports of a scene; the download of each begins by itself when it is ready, while the page is open. */
export function useDownloads(sceneId: string, made: Export[]) {
  const queries = useQueryClient();
  const [awaited, setAwaited] = useState<ReadonlySet<string>>(new Set());
  const begun = useRef(new Set<string>());
  const order = useMutation({
    mutationFn: ({ format, options = {} }: { format: string; options?: Options }) =>
      makeExport(sceneId, format, options),
    onSuccess: async (id) => {
      begun.current.delete(id); // asked for again: it is downloaded again
      setAwaited((before) => new Set(before).add(id));
      await queries.invalidateQueries({ queryKey: ["exports"] });
    },
  });
  useEffect(() => {
    for (const each of made) {
      if (!awaited.has(each.id) || begun.current.has(each.id)) continue;
      if (each.status === "completed" && each.export_file_url) {
        begun.current.add(each.id);
        download(each.export_file_url);
      }
    }
  }, [made, awaited]);
  const isAwaited = (each: Export) => awaited.has(each.id) && !["completed", "failed"].includes(each.status);
  return { order, awaited: made.filter(isAwaited).map(({ export_format }) => export_format) };
}
