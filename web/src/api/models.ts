import { useQuery } from "@tanstack/react-query";

import { api, ok, type Schemas } from "./client";

export type Model = Schemas["ModelOut"];

/** The demo model, whose scenes are flat: it shows that the service works, not what it can do. */
export const DEMO = "card";

/** Return the models that the service lists, none until they are there. */
export function useModels(): Model[] {
  return useQuery({ queryKey: ["models"], queryFn: () => ok(api.GET("/api/v1/models")) }).data ?? [];
}
