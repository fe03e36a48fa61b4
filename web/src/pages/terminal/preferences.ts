/** How this browser shows terminals. */
import type { Preferences } from "./view";

export type { Preferences };

const KEY = "towpath.terminal";

export function preferences(): Preferences {
  const fontSize = 13;
  try {
    return { fontSize, byCard: false, aloud: false, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as object) };
  } catch {
    return { fontSize, byCard: false, aloud: false }; // somebody wrote something else there
  }
}

/** Change some, and return all. */
export function prefer(some: Partial<Preferences>): Preferences {
  const all = { ...preferences(), ...some };
  localStorage.setItem(KEY, JSON.stringify(all));
  return all;
}
