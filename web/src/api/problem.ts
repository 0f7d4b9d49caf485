import type { components } from "./schema";

type Problem = components["schemas"]["Problem"];
export type FieldError = { field: string; message: string };

/** What every failed call throws: the gateway's own sentence and code, or `offline` where it was not reached. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly correlationId: string | null;
  readonly details: Record<string, unknown>;

  constructor(
    code: string,
    message: string,
    rest: { status?: number; correlationId?: string; details?: unknown } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = rest.status ?? 0;
    this.correlationId = rest.correlationId ?? null;
    this.details = (rest.details ?? {}) as Record<string, unknown>;
  }

  /** What is wrong with which field, for the form that asked. */
  get fields(): FieldError[] {
    return Array.isArray(this.details.fields) ? (this.details.fields as FieldError[]) : [];
  }
}

/** Return the error that an answer's body tells; a proxy's own page is told by its status. */
export function problemOf(status: number, body: unknown): ApiError {
  const problem = (body ?? {}) as Partial<Problem>;
  if (typeof problem.code !== "string" || typeof problem.message !== "string") {
    return new ApiError("unexpected_answer", `The service answered ${status} without saying why. Try again.`, {
      status,
    });
  }
  const rest = { status, details: problem.details };
  return new ApiError(
    problem.code,
    problem.message,
    problem.correlation_id ? { ...rest, correlationId: problem.correlation_id } : rest,
  );
}

/** Return the error of a request that got no answer at all. */
export function unreachable(): ApiError {
  return new ApiError("offline", "The service cannot be reached. Check your connection; nothing was lost.");
}

/** Return any thrown thing as an error that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TypeError) return unreachable();
  return new ApiError("unexpected", error instanceof Error ? error.message : String(error));
}
