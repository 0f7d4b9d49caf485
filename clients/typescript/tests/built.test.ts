/** What is published runs wherever there is `fetch`, WebCrypto and streams. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import vm from "node:vm";

import { build } from "vite";
import { beforeAll, expect, test } from "vitest";

/** Not `dist`, which others may be reading. */
const BUILT = "node_modules/.built";

beforeAll(() => {
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json", "--outDir", BUILT], { stdio: "inherit" });
}, 120_000);

test("nothing of Node is imported or taken from the global scope, and openapi-fetch is all that is needed", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: object };
  const built = readdirSync(BUILT).filter((name) => name.endsWith(".js"));
  expect(built).toContain("index.js");
  expect(built.filter((name) => name.includes(".test."))).toEqual([]);
  for (const name of built) {
    const code = readFileSync(`${BUILT}/${name}`, "utf8");
    for (const [, from] of code.matchAll(/\bfrom\s+"([^"]+)"/g))
      if (!from?.startsWith("./")) expect(Object.keys(dependencies)).toContain(from);
    expect(code).not.toMatch(/\bnode:|\brequire\(|\bprocess\.|\bBuffer\b|\b__dirname\b/);
  }
});

/** All that the client may find: what workers, browsers and Node have in common. */
const GLOBALS = [
  ...["AbortController", "AbortSignal", "Blob", "DOMException", "FormData", "Headers", "ReadableStream", "Request"],
  ...["Response", "TextDecoder", "TextEncoder", "TransformStream", "URL", "URLSearchParams"],
  ...["atob", "clearTimeout", "crypto", "setTimeout"],
];

test("it runs in a bare scope", async () => {
  const entry = { entry: `${BUILT}/index.js`, name: "client", formats: ["iife" as const] };
  const made = await build({
    logLevel: "error",
    configFile: false,
    build: { write: false, minify: false, lib: entry },
  });
  const [{ output }] = made as unknown as [{ output: [{ code: string }] }];
  const [{ code }] = output;
  const asked: Request[] = [];
  const event = { id: "e", type: "generation.completed.v1", subject: "s", data: {} };
  const answers = [
    new Response('{"generation_id": "s"}', { status: 202 }),
    new Response(`id: 1-0-1\ndata: ${JSON.stringify(event)}\n\n`),
    new Response('{"id": "s", "status": "completed"}', { headers: { "Content-Length": "34" } }),
  ];
  const fetch = (input: Request | string, init?: RequestInit) => {
    asked.push(new Request(input, init));
    return Promise.resolve(answers.shift());
  };
  const scope = Object.fromEntries(GLOBALS.map((name) => [name, (globalThis as Record<string, unknown>)[name]]));
  const { now, vectors } = JSON.parse(readFileSync("../webhook_vectors.json", "utf8")) as Record<string, unknown>;
  const context = vm.createContext({ ...scope, fetch, now, vector: (vectors as unknown[])[0] });
  const program = `${code}
  (async () => {
    const made = new client.Sharpstream({ url: "http://gateway.test", apiKey: "k" });
    const job = await made.generate(new Blob(["photo"]));
    const types = [];
    for await (const event of made.follow(job.generation_id)) types.push(event.type);
    const { status } = await made.wait(job.generation_id);
    const hook = await client.verifyWebhook(vector.body, vector.headers, vector.secret, { now: now * 1000 });
    return JSON.stringify([...types, status, hook.type]);
  })()`;
  const said = (await vm.runInContext(program, context)) as string;
  expect(JSON.parse(said)).toEqual(["generation.completed.v1", "completed", "generation.completed.v1"]);
  expect(asked.map(({ url }) => url.replace("http://gateway.test/api/v1", ""))).toEqual([
    "/scenes/generate",
    "/scenes/s/events",
    "/scenes/s",
  ]);
});
