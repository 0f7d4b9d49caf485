import { api, ok, type Schemas } from "./client";

export type Queue = Schemas["QueueStateOut"];

export const queue = (): Promise<Queue> => ok(api.GET("/api/v1/admin/queue"));
