/** The one way to the gateway's REST API: typed by its own document, signed in, errors as `ApiError`. */
import createClient, { type Middleware } from "openapi-fetch";

import { problemOf, unreachable } from "./problem";
import type { components, paths } from "./schema";
import { accessToken, renew } from "./session";

export type Schemas = components["schemas"];

const PUBLIC = [
  "/users/register",
  "/users/login",
  "/users/refresh",
  "/users/logout",
  "/shared/",
  "/models",
  "/export-formats",
];
const copies = new WeakMap<Request, Request>();

const signed: Middleware = {
  async onRequest({ request, schemaPath }) {
    if (PUBLIC.some((path) => schemaPath.startsWith(`/api/v1${path}`))) return request;
    const token = await accessToken();
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    copies.set(request, request.clone());
    return request;
  },
  async onResponse({ request, response }) {
    const copy = response.status === 401 ? copies.get(request) : undefined;
    const token = copy && (await renew());
    if (!copy || !token) return response;
    copy.headers.set("Authorization", `Bearer ${token}`);
    return fetch(copy);
  },
  onError() {
    return unreachable();
  },
};

export const api = createClient<paths>({ baseUrl: "" });
api.use(signed);

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Return the data of a call, or throw what went wrong. */
export async function ok<T>(call: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(response.status, error);
  return data as NonNullable<T>;
}

/** The same for answers without a body. */
export async function done(call: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await call;
  if (!response.ok) throw problemOf(response.status, error);
}
