/** Light, dark, or as the system has it. Kept in this browser. */
export type Theme = "system" | "light" | "dark";
const KEY = "towpath.theme";
const THEMES: Theme[] = ["system", "light", "dark"];

export const theme = (): Theme => {
  const kept = localStorage.getItem(KEY) as Theme;
  return THEMES.includes(kept) ? kept : "system";
};

export function setTheme(next: Theme): void {
  localStorage.setItem(KEY, next);
  document.documentElement.dataset["theme"] = next;
}

export const nextTheme = (): Theme => THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]!;
