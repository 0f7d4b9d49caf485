import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Plugin } from "vite";

const SWAGGER = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
const NAMES = ["swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css"];
const FILES = [...NAMES.map((name) => join(SWAGGER, name)), join(import.meta.dirname, "../docs/start.js")];

/** Write what the API's page at /docs needs into `docs/`, under the names that the gateway knows. */
export function apiPage(): Plugin {
  return {
    name: "api-page",
    apply: "build",
    async generateBundle() {
      for (const path of FILES) {
        this.emitFile({ type: "asset", fileName: `docs/${basename(path)}`, source: await readFile(path) });
      }
    },
  };
}
