/** Colours of a terminal, from the page's own and the scheme that is in force. */
import type { ITheme } from "@xterm/xterm";

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
const LIGHT = "#1c1d1f #b42318 #18794e #8a5a00 #2458a6 #8a3a91 #0b6b70 #6f7076 #62646a #c4372b #1f8a5a #9a6700 #2f6bc4 #a04aa8 #0f7f85 #8a8b90";
const DARK = "#3a3d42 #ff8a7a #7fd0a0 #e3c26b #8ab4f0 #d59bdc #6fd0d4 #d6d6d2 #83868d #ffa79a #9be3b8 #f2d78c #aac9f7 #e4b8ea #92e2e5 #ffffff";

/** Return the theme for text in this element. */
export function themeOf(element: Element): ITheme {
  const { color, backgroundColor } = getComputedStyle(element);
  const isDark = Number(/\d+/.exec(backgroundColor)?.[0]) < 128;
  const all = (isDark ? DARK : LIGHT).split(" ");
  const named = NAMES.flatMap((name, place) => [
    [name, all[place]],
    [`bright${name[0]!.toUpperCase()}${name.slice(1)}`, all[place + 8]],
  ]);
  return {
    foreground: color,
    background: backgroundColor,
    cursor: color,
    cursorAccent: backgroundColor,
    selectionBackground: isDark ? "#2f6b5a" : "#b9dfd4",
    ...(Object.fromEntries(named) as ITheme),
  };
}

/** Call this when the scheme changes; the answer ends it. */
export function onScheme(act: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(act);
  dark.addEventListener("change", act);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    dark.removeEventListener("change", act);
    chosen.disconnect();
  };
}
