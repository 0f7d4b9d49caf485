import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build, type Plugin, type ResolvedConfig, type Rollup } from "vite";

const ROOT = join(import.meta.dirname, "..");
const SOURCE = join(ROOT, "export-viewer");
const PARTS = ["three", "@sparkjsdev/spark"];
/** Spark's own file holds it without saying so; its licence has the words of three.js' own. */
const INSIDE = "@sparkjsdev/spark contains fflate, Copyright (c) Arjun Barrett, under the MIT License as above.";

/**
 * Build the page into which the export role puts a scene: one file without any address, at `export/viewer.html`.
 * The role fills in @@FRAME@@ and @@SPLAT@@ (`export_consumer/page_template.py`).
 */
export function exportViewer(): Plugin {
  let from: Pick<ResolvedConfig, "resolve"> | undefined;
  return {
    name: "export-viewer",
    apply: "build",
    configResolved(config) {
      from = config;
    },
    async generateBundle() {
      const { alias = [], dedupe = [] } = from?.resolve ?? {};
      this.emitFile({ type: "asset", fileName: "export/viewer.html", source: await page({ alias, dedupe }) });
    },
  };
}

/** Where modules are found that are not installed here: as the page finds them. */
type Resolve = Pick<ResolvedConfig["resolve"], "alias" | "dedupe">;

async function page(resolve: Resolve): Promise<string> {
  const [template, style, script, licences] = await Promise.all([
    readFile(join(SOURCE, "page.html"), "utf8"),
    readFile(join(SOURCE, "page.css"), "utf8"),
    viewer(resolve),
    notices(),
  ]);
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}' 'wasm-unsafe-eval'`, // Spark decodes and sorts in WebAssembly
    "worker-src blob:",
    `style-src '${hash(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const pieces: Record<string, string> = { POLICY: policy, STYLE: style, SCRIPT: script, LICENCES: licences };
  return template.replace(/@@(POLICY|STYLE|SCRIPT|LICENCES)@@/g, (_, name: string) => pieces[name] ?? "");
}

/** Return all of the viewer as one script, which no `</script>` within it can end. */
async function viewer(resolve: Resolve): Promise<string> {
  const made = (await build({
    configFile: false,
    root: ROOT,
    logLevel: "warn",
    resolve,
    build: {
      write: false,
      modulePreload: false,
      chunkSizeWarningLimit: 4000,
      rolldownOptions: {
        input: join(SOURCE, "main.ts"),
        output: { format: "iife", codeSplitting: false },
      },
    },
  })) as Rollup.RollupOutput | Rollup.RollupOutput[];
  const [output] = Array.isArray(made) ? made : [made];
  const chunks = output?.output.filter((each) => each.type === "chunk") ?? [];
  const [only] = chunks;
  if (!only || chunks.length > 1 || only.imports.length) throw new Error("the viewer is more than one script");
  return only.code.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--").trim();
}

async function notices(): Promise<string> {
  const require = createRequire(import.meta.url);
  const texts = PARTS.map(async (name) => {
    // Spark exports nothing but its module, from which its folder is known too.
    const folder = join(dirname(require.resolve(name)), name === "three" ? ".." : "..");
    return `${name}\n\n${(await readFile(join(folder, "LICENSE"), "utf8")).trim()}`;
  });
  const own = "This page was made by Sharpstream (Apache License 2.0). Its viewer contains:";
  const all = [own, ...(await Promise.all(texts)), INSIDE].join("\n\n----\n\n");
  if (all.includes("<")) throw new Error("markup in a licence");
  return all;
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
