import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(?:js|css|html|svg)$/;
const NOT_SERVED = "export"; // for the export role, which needs it as it is
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }; // 11 takes ten times as long for 4 % less

/** Write `.br` and `.gz` beside what is built, so that the gateway never compresses while it serves. */
export function precompress(): Plugin {
  let folder = "dist";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async writeBundle() {
      const names = await readdir(folder, { recursive: true });
      for (const name of names.filter((each) => TEXT.test(each) && !each.startsWith(NOT_SERVED))) {
        const path = join(folder, name);
        const bytes = await readFile(path);
        await writeFile(`${path}.br`, brotliCompressSync(bytes, BROTLI));
        await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}
