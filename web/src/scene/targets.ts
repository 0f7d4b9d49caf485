/** Where people take a scene, which file they need there, and what to do with it. */

export type Target = { name: string; formats: { format: string; advice: string }[] };

export const TARGETS: Target[] = [
  {
    name: "Blender",
    formats: [
      { format: "glb_mesh", advice: "File › Import › glTF 2.0. Choose Material Preview to see the colours." },
      { format: "ply", advice: "For the Gaussians themselves, with an add-on for splats." },
    ],
  },
  {
    name: "Unreal",
    formats: [
      { format: "fbx", advice: "Drag the file into the Content Browser; it is in centimetres already." },
      { format: "ply", advice: "For the Gaussians themselves, with a plug-in for splats." },
    ],
  },
  {
    name: "Unity",
    formats: [
      { format: "fbx", advice: "Drop the file into Assets, then drag it into the scene." },
      { format: "ply", advice: "For the Gaussians themselves, with a package for splats." },
    ],
  },
  {
    name: "SuperSplat",
    formats: [
      { format: "ply_compressed", advice: "Drop the file into the editor: quick to load, and can be edited." },
      { format: "sog", advice: "The smallest, to publish." },
    ],
  },
  {
    name: "iPhone",
    formats: [
      { format: "spz", advice: "For apps that show splats. To look at it in Safari, share a link instead." },
      { format: "png", advice: "A picture, for everything else." },
    ],
  },
  {
    name: "3D printing",
    formats: [
      {
        format: "stl",
        advice: "In millimetres. It is a surface without a back: give it a thickness in your slicer or modeller.",
      },
    ],
  },
];

/** The formats that most people want; the others are one click further. */
export const FIRST = ["spz", "glb_mesh", "mp4"];
