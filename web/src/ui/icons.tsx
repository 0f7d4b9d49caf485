import type { ReactNode } from "react";

const PATHS = {
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  search: "M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM20 20l-4-4",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.500h.01",
  trash: "M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7M10.5 11v5M13.5 11v5",
  download: "M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14",
  share: "M12 15V4M8 8l4-4 4 4M6 12H5v8h14v-8h-1",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  reset: "M5 12a7 7 0 1 0 2.5-5.400M5 4v4.500h4.5",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  shrink: "M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5",
  compare: "M12 3v18M8 8H4v8h4M16 8h4v8h-4",
  spark: "M12 4l1.8 5.200L19 11l-5.2 1.800L12 18l-1.8-5.200L5 11l5.2-1.800z",
  star: "M12 4l2.5 5.100 5.6.8-4 4 1 5.600-5.100-2.600-5.100 2.600 1-5.600-4-4 5.600-.8z",
  pen: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  tag: "M4 4h7l9 9-7 7-9-9zM8 8h.01",
  cog: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.600l2.100 2.100M16.300 16.300l2.100 2.100M5.600 18.400l2.100-2.100M16.300 7.700l2.100-2.100",
  pack: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
  key: "M14.5 13.500a4.5 4.5 0 1 1 .1-.1M11 13l-7 7M7 17l2 2",
  hook: "M12 7a3 3 0 1 0-3 3l-3 6M15 17a3 3 0 1 0 3-3h-6M9 17a3 3 0 1 1-4-2.800M12 7l3 6",
  chart: "M5 20V11M12 20V5M19 20v-6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20c.8-3.5 3.5-5 7-5s6.2 1.5 7 5",
  shield: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z",
  menu: "M4 7h16M4 12h16M4 17h16",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v1.500M12 19.500V21M3 12h1.500M19.5 12H21M5.6 5.600l1 1M17.4 17.400l1 1M5.6 18.400l1-1M17.4 6.600l1-1",
  moon: "M19 14.500A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.500z",
  half: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  back: "M11 6l-6 6 6 6M5 12h14",
  next: "M9 6l6 6-6 6",
  alert: "M12 8v5M12 16.500h.01M12 3.500l9.5 17h-19z",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.700l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.700l1-1",
  film: "M4 6h16v12H4zM8 6v12M16 6v12M4 10h4M4 14h4M16 10h4M16 14h4",
  ruler: "M4 15L15 4l5 5L9 20zM8 11l2 2M11 8l2.5 2.500M14 5l2 2",
  layers: "M12 4l8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4",
  phone: "M8 3h8v18H8zM11 18h2",
  headset: "M3 8h18v8h-6l-3-3-3 3H3z",
  pin: "M12 21v-6M8 4h8l-1 6 3 5H6l3-5z",
  send: "M4 12l16-7-6 15-3-6z",
} as const;

export type IconName = keyof typeof PATHS;

/** A drawn sign beside words; by itself it says nothing to a screen reader. */
export function Icon({ name, className = "size-5" }: { name: IconName; className?: string }): ReactNode {
  return (
    <svg
      viewBox="0 0 24 24"
      className={`shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
