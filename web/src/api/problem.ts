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
    const fields = Array.isArray(this.details.fields) ? (this.details.fields as FieldError[]) : [];
    return fields.map(({ field, message }) => ({ field, message: plain(message) }));
  }

  /** The sentence to show: that of invalid fields without the words of the service's own types. */
  get sentence(): string {
    const { fields } = this;
    if (!fields.length) return this.message;
    return fields.map(({ field, message }) => `${field.replaceAll("_", " ")}: ${message}`).join(" ");
  }

  /** Whether the same request may succeed later: no answer, too many requests, or a service that is busy. */
  get mayPass(): boolean {
    return [0, 408, 425, 429, 502, 503, 504].includes(this.status) && this.code !== "aborted";
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
  return new ApiError("unexpected", error instanceof Error ? error.message : String(error));
}

const RULES: [RegExp, (figure: string) => string][] = [
  [/of length >= (\d+)/, (least) => `at least ${least} characters are needed.`],
  [/of length <= (\d+)/, (most) => `at most ${most} characters are allowed.`],
  [/>= (-?[\d.]+)/, (least) => `at least ${least} is needed.`],
  [/<= (-?[\d.]+)/, (most) => `at most ${most} is allowed.`],
  [/matching regex/, () => "this has not the right form."],
  [/^Expected `/, () => "this has not the right form."],
  [/^Invalid enum value/, () => "this is none of the choices."],
];

/** Return what a field's message means to a person; a sentence already is left as it is. */
export function plain(message: string): string {
  for (const [rule, words] of RULES) {
    const found = rule.exec(message);
    if (found && /^(Expected|Invalid|Object)/.test(message)) return words(found[1] ?? "");
  }
  return message;
}
