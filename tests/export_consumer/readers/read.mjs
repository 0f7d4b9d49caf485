// Reads files with libraries that are not ours, all in one process: `node read.mjs FOLDER`.
// FOLDER/jobs.json lists {file, reader}; an array FILE.NAME.f32 is left for each attribute that was read, and
// what else there is to tell stands in reports.json, file -> report.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeIO } from "@gltf-transform/core";
import * as splats from "@playcanvas/splat-transform";
import validator from "gltf-validator";
import { createFile, MP4BoxBuffer } from "mp4box";

const COLUMNS = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3".split(" ");
const WARNING = 1;

// What a browser has for <img>: here nobody decodes, the address is all that is asked for.
class Picture {
  addEventListener(kind, listener) {
    this[kind] = listener;
  }
  removeEventListener() {}
  set src(address) {
    this.address = address;
    this.load();
  }
  get src() {
    return this.address;
  }
}

const readers = {
  // PlayCanvas: every splat format but glTF and USD; in the axes that a .ply has.
  async splat(path, data) {
    const fileSystem = new splats.MemoryReadFileSystem();
    fileSystem.set(path, data);
    let filename = path;
    let from = fileSystem;
    const inputFormat = splats.getInputFormat(path);
    if (inputFormat === "sog") {
      from = new splats.ZipReadFileSystem(await fileSystem.createSource(path));
      filename = "meta.json";
    }
    const [found] = await splats.readFile({ filename, inputFormat, options: {}, params: [], fileSystem: from });
    const table = splats.convertToSpace(found, splats.Transform.PLY);
    const columns = COLUMNS.map((name) => table.getColumnByName(name).data);
    const rows = new Float32Array(table.numRows * columns.length);
    columns.forEach((column, k) => column.forEach((value, i) => (rows[i * columns.length + k] = value)));
    return { arrays: { rows } };
  },

  // Don McCurdy's glTF Transform knows no splats, but every accessor; and what Khronos' validator says.
  async gltf(path, data) {
    const { issues } = await validator.validateBytes(data);
    const told = issues.messages.filter(({ severity }) => severity <= WARNING);
    const io = new NodeIO();
    const document = await io.read(path);
    const [primitive] = document.getRoot().listMeshes()[0].listPrimitives();
    const arrays = {};
    for (const name of primitive.listSemantics()) {
      const accessor = primitive.getAttribute(name);
      const each = accessor.getElementSize();
      arrays[name] = new Float32Array(accessor.getCount() * each);
      for (let i = 0; i < accessor.getCount(); i++) arrays[name].set(accessor.getElement(i, []), i * each);
    }
    return { arrays, issues: told, mode: primitive.getMode() };
  },

  // three.js: in the file's own unit and axes, every triangle with corners of its own.
  async fbx(path, data) {
    globalThis.window = globalThis;
    globalThis.document = { createElementNS: () => new Picture() };
    const { FBXLoader } = await import("three/examples/jsm/loaders/FBXLoader.js");
    const scene = new FBXLoader().parse(data.slice().buffer, "");
    scene.updateMatrixWorld(true);
    const [mesh, ...others] = scene.children;
    if (others.length || !mesh.isMesh) throw new Error("expected one mesh");
    const position = mesh.geometry.attributes.position.clone().applyMatrix4(mesh.matrixWorld);
    const texture = await fetch(mesh.material.map.image.src);
    writeFileSync(`${path}.jpg`, new Uint8Array(await texture.arrayBuffer()));
    return {
      arrays: { position: position.array, uv: mesh.geometry.attributes.uv.array },
      unit: scene.userData.unitScaleFactor,
    };
  },

  // three.js reads colours and grey only: Z is renamed to grey's Y, everything else is as in the file.
  async exr(_path, data) {
    const { EXRLoader } = await import("three/examples/jsm/loaders/EXRLoader.js");
    const { FloatType } = await import("three");
    const file = Buffer.from(data);
    const list = file.indexOf("chlist\0");
    const z = file.indexOf("Z\0", list);
    const names = file.subarray(list, z + 2).toString("latin1").match(/[A-Z](?=\0)/g);
    file[z] = "Y".charCodeAt(0);
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
    const found = new EXRLoader().setDataType(FloatType).parse(bytes);
    const { comments, compression } = found.header;
    const each = found.data.length / (found.width * found.height); // it may add colours and opacity
    const depth = found.data.filter((_, at) => at % each === 0);
    return { arrays: { depth }, size: [found.width, found.height], names, comments, compression };
  },

  // GPAC's MP4Box: the boxes and the samples; nobody here decodes them.
  async mp4(_path, data) {
    const file = createFile();
    let movie;
    const samples = [];
    file.onReady = (info) => {
      movie = info;
      file.setExtractionOptions(info.tracks[0].id);
      file.start();
    };
    file.onSamples = (_id, _user, found) => samples.push(...found);
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(data.slice().buffer, 0));
    file.flush();
    const [track, ...others] = movie.tracks;
    return {
      arrays: {},
      tracks: 1 + others.length,
      type: track.type,
      handler: file.getTrackById(track.id).mdia.hdlr.handler,
      codec: track.codec,
      size: [track.video.width, track.video.height],
      seconds: [movie.duration / movie.timescale, track.duration / track.timescale],
      shown: samples.map(({ duration, timescale }) => duration / timescale),
      bytes: samples.map(({ data: sample }) => sample.length),
      keys: samples.map(({ is_sync }) => is_sync),
    };
  },
};

const folder = process.argv[2];
const reports = {};
for (const { file, reader } of JSON.parse(readFileSync(join(folder, "jobs.json")))) {
  const path = join(folder, file);
  const { arrays, ...report } = await readers[reader](path, new Uint8Array(readFileSync(path)));
  for (const [name, array] of Object.entries(arrays))
    writeFileSync(`${path}.${name.replace(":", ".")}.f32`, Float32Array.from(array));
  reports[file] = report;
}
writeFileSync(join(folder, "reports.json"), JSON.stringify(reports)); // libraries print what they like
