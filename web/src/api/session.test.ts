import { beforeEach, expect, test, vi } from "vitest";

/** A browser's store, and a service that gives each refresh token out once. */
const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
  removeItem: (key: string) => kept.delete(key),
});
vi.stubGlobal("navigator", {}); // without locks, as on an origin that is not secure
const answers: Response[] = [];
const spent: string[] = [];
vi.stubGlobal("fetch", async (_: string, { body }: { body: string }) => {
  spent.push((JSON.parse(body) as { refresh_token: string }).refresh_token);
  await Promise.resolve();
  return answers.shift() ?? Response.json({}, { status: 500 });
});
const tokens = (n: number, expires_in = 900) => ({
  access_token: `a${n}`,
  refresh_token: `r${n}`,
  token_type: "bearer",
  expires_in,
});

const session = await import("./session");

beforeEach(() => {
  session.end();
  answers.length = spent.length = 0;
});

test("a good access token is used as it is, and lives in memory alone", async () => {
  session.begin(tokens(1));
  expect(await session.accessToken()).toBe("a1");
  expect(spent).toEqual([]);
  expect([...kept.values()]).toEqual(["r1"]);
});

test("many calls at once renew once: a token that is spent twice looks stolen", async () => {
  session.begin(tokens(1, 10));
  answers.push(Response.json(tokens(2)));
  expect(await Promise.all([session.accessToken(), session.accessToken(), session.renew()])).toEqual([
    "a2",
    "a2",
    "a2",
  ]);
  expect(spent).toEqual(["r1"]);
  expect([...kept.values()]).toEqual(["r2"]);
});

test("a refused renewal signs out and tells; a service that is away does not", async () => {
  const told = vi.fn();
  session.onSession(told);
  session.begin(tokens(1, 10));
  answers.push(Response.json({ code: "temporarily_unavailable", message: "Try again." }, { status: 503 }));
  await expect(session.accessToken()).rejects.toMatchObject({ code: "temporarily_unavailable" });
  expect(session.signedIn()).toBe(true);
  answers.push(Response.json({ code: "refresh_token_invalid" }, { status: 401 }));
  expect(await session.accessToken()).toBeNull();
  expect(session.signedIn()).toBe(false);
  expect(told).toHaveBeenCalledTimes(2);
});

test("a refused renewal is final only while the token that was sent is still the stored one", async () => {
  session.begin(tokens(1, 10));
  answers.push(Response.json({ code: "refresh_token_invalid" }, { status: 401 }), Response.json(tokens(3)));
  const renewed = session.accessToken();
  kept.set("sharpstream.refresh", "r2"); // another tab has renewed meanwhile
  expect(await renewed).toBe("a3");
  expect(spent).toEqual(["r1", "r2"]);
  expect(session.signedIn()).toBe(true);
});

test("a renewal that ends after the sign-out brings nobody back", async () => {
  session.begin(tokens(1, 10));
  answers.push(Response.json(tokens(2)));
  const renewed = session.accessToken();
  session.end("You are signed out.");
  expect(await renewed).toBeNull();
  expect(session.signedIn()).toBe(false);
  expect(session.farewell()).toBe("You are signed out.");
});

test("a renewal that ends after another sign-in leaves that one as it is", async () => {
  session.begin(tokens(1, 10));
  answers.push(Response.json(tokens(2)));
  const renewed = session.accessToken();
  session.end();
  session.begin(tokens(7));
  expect(await renewed).toBe("a7");
  expect([...kept.values()]).toEqual(["r7"]);
});

test("who leaves on purpose is told so, until the next sign-in", () => {
  session.begin(tokens(1));
  expect(session.farewell()).toBeNull();
  session.end("You are signed out.");
  expect(session.farewell()).toBe("You are signed out.");
  session.begin(tokens(2));
  expect(session.farewell()).toBeNull();
});
