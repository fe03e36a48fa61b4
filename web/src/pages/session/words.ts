/** Numbers and texts as people read them. */
import type { LargeBody } from "../../api/gen";

export const duration = (ms: number): string => {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.095) return `${Math.max(0, ms)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const KIB = 1024;
export const size = (bytes: number): string =>
  bytes < KIB ? `${bytes} B` : bytes < KIB * KIB ? `${(bytes / KIB).toFixed(0)} KiB` : `${(bytes / KIB / KIB).toFixed(1)} MiB`;

export const count = (many: number): string =>
  many < 1000 ? `${many}` : many < 1e6 ? `${(many / 1000).toFixed(many < 1e4 ? 1 : 0)}k` : `${(many / 1e6).toFixed(1)}M`;

export const plural = (many: number, one: string): string => `${many} ${one}${many === 1 ? "" : "s"}`;

/** Return a text of an event, or what it shows of a large one. */
export const previewOf = (text: string | LargeBody): string => (typeof text === "string" ? text : `${text.preview}…`);

/** Return a path as it is read from a directory. */
export const within = (path: string, directory: string | undefined): string =>
  directory && path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : path;
