import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { exportsOf, makeExport } from "../api/exports";
import type { Scene } from "../api/scenes";
import { steady } from "../lib/steady";

const LOOK_MS = 1_500;

/** The file that the viewer shows: the one that the system makes, else an SPZ export of one's own. */
export function useViewerFile(scene: Scene): { url: string | null; making: boolean; make: () => void; error: unknown } {
  const queries = useQueryClient();
  const needed = scene.status === "completed" && !scene.viewer_url;
  const { data: exports } = useQuery({
    queryKey: ["exports", scene.id],
    queryFn: () => exportsOf(scene.id),
    enabled: needed,
    refetchInterval: ({ state: { data } }) => (needed && data?.some(pending) ? LOOK_MS : false),
  });
  const own = exports?.find((each) => each.export_format === "spz" && each.status !== "failed");
  const make = useMutation({
    mutationFn: () => makeExport(scene.id, "SPZ"),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["exports", scene.id] }),
  });
  const url = scene.viewer_url ?? own?.export_file_url ?? null;
  return {
    url: url && steady(`viewer ${scene.id}`, url),
    making: make.isPending || (own !== undefined && pending(own)),
    make: () => make.mutate(),
    error: make.error,
  };
}

const pending = ({ status }: { status: string }): boolean => status === "pending" || status === "processing";
