/** What a dialog does, as code to copy: cURL, Python, JavaScript, command line. None holds a secret. */
import type { Options } from "./exports";

export type Kind = "curl" | "python" | "javascript" | "cli";
export type Snippets = Record<Kind, string>;

export const KINDS: [Kind, string][] = [
  ["curl", "cURL"],
  ["python", "Python"],
  ["javascript", "JavaScript"],
  ["cli", "Command line"],
];

const CURL = 'curl -fsS -H "X-API-Key: $SHARPSTREAM_API_KEY"';

/** Read a scene, and fetch its splat. */
export function sceneSnippets(origin: string, id: string, name: string): Snippets {
  const file = fileName(name, ".ply");
  return {
    curl: `${CURL} ${origin}/api/v1/scenes/${id}
# "generated_3d_gaussian_url" in the answer is the splat: curl -o ${file} "$URL"
`,
    python: python(
      origin,
      `scene = client.scene("${id}")
    print(scene.status, scene.name)
    with open("${file}", "wb") as file:
        client.download(scene.generated_3d_gaussian_url, file)`,
    ),
    javascript: javascript(
      origin,
      `const scene = await client.scenes.get("${id}");
console.log(scene.status, scene.name);
await writeFile("${file}", await client.download(scene.generated_3d_gaussian_url));`,
      'import { writeFile } from "node:fs/promises";\n',
    ),
    cli: `sharpstream show ${id} --url ${origin}
sharpstream export ${id} ply -o ${file} --url ${origin}
`,
  };
}

/** Export a scene with these options, and fetch the file. `extension` begins with a dot. */
export function exportSnippets(
  origin: string,
  id: string,
  name: string,
  format: { name: string; extension: string },
  options: Options,
): Snippets {
  const file = fileName(name, format.extension);
  const given = Object.entries(options);
  const body = JSON.stringify({ format: format.name, options });
  const inPython = given.map(([option, value]) => `${JSON.stringify(option)}: ${pythonLiteral(value)}`).join(", ");
  const inShell = given.map(([option, value]) => ` --option ${quoted(`${option}=${value}`)}`).join("");
  return {
    curl: `${CURL} -H "Content-Type: application/json" \\
  -d ${quoted(body)} \\
  ${origin}/api/v1/scenes/${id}/export
# then, with the "export_id" of the answer, until "status" is "completed":
# ${CURL} ${origin}/api/v1/exports/EXPORT_ID
`,
    python: python(
      origin,
      `asked = client.export("${id}", "${format.name}"${inPython && `, options={${inPython}}`})
    made = client.wait_export(asked.export_id)
    with open("${file}", "wb") as file:
        client.download(made.export_file_url, file)`,
    ),
    javascript: javascript(
      origin,
      `const bytes = await client.export("${id}", "${format.name}"${given.length ? `, ${JSON.stringify(options)}` : ""});
await writeFile("${file}", bytes);`,
      'import { writeFile } from "node:fs/promises";\n',
    ),
    cli: `sharpstream export ${id} ${format.name}${inShell} -o ${file} --url ${origin}
`,
  };
}

/** Turn a photo into a scene, and fetch its splat. */
export function generateSnippets(origin: string): Snippets {
  return {
    curl: `${CURL} -H "Prefer: wait=30" -F image=@photo.jpg ${origin}/api/v1/scenes/generate
`,
    python: python(
      origin,
      `job = client.generate("photo.jpg")
    scene = client.wait(job.generation_id)
    print(scene.status, scene.id)
    with open("photo.ply", "wb") as file:
        client.download(scene.generated_3d_gaussian_url, file)`,
    ),
    javascript: javascript(
      origin,
      `const job = await client.generate(await openAsBlob("photo.jpg"), { name: "photo.jpg" });
const scene = await client.wait(job.generation_id);
console.log(scene.status, scene.id);
await writeFile("photo.ply", await client.download(scene.generated_3d_gaussian_url));`,
      'import { openAsBlob } from "node:fs";\nimport { writeFile } from "node:fs/promises";\n',
    ),
    cli: `sharpstream generate photo.jpg --url ${origin}
`,
  };
}

/** List the account's scenes: for a key that may read them and no more. */
export function listSnippets(origin: string): Snippets {
  return {
    curl: `${CURL} "${origin}/api/v1/scenes?limit=20"
`,
    python: python(
      origin,
      `for scene in client.scenes(limit=20).items:
        print(scene.id, scene.status, scene.name)`,
    ),
    javascript: javascript(
      origin,
      `for await (const scene of client.scenes.all()) console.log(scene.id, scene.status, scene.name);`,
    ),
    cli: `sharpstream list --url ${origin}
`,
  };
}

const python = (origin: string, body: string): string => `import os

from sharpstream.client import Client

with Client("${origin}", os.environ["SHARPSTREAM_API_KEY"]) as client:
    ${body}
`;

const javascript = (origin: string, body: string, imports = ""): string =>
  `${imports}import { Sharpstream } from "@sharpstream/client";

const client = new Sharpstream({ url: "${origin}", apiKey: process.env.SHARPSTREAM_API_KEY });
${body}
`;

const pythonLiteral = (value: string | number | boolean): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value);

/** A word of the shell. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A file's name that needs no quotes anywhere: names of scenes are as people make them. */
function fileName(name: string, extension: string): string {
  const plain = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  return (plain.replaceAll(/^[-.]+|[-.]+$/g, "").slice(0, 60) || "scene") + extension;
}
