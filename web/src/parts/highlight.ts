/** Colours in code. Loaded when there is code to colour. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { spans } from "./sanitize";

const LANGUAGES = { bash, css, diff, go, java, json, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);
hljs.registerAliases(["javascript", "js", "jsx", "tsx"], { languageName: "typescript" });
const MOST_CHARACTERS = 50_000; // 1,000 lines take 40 ms
const TOO_LONG = /[^\n]{500}|\s{500}/; // some languages take 40 s for a word of 50,000 letters

/** Colour what `code.language-x` holds, if the language is known. */
export function highlight(code: HTMLElement): void {
  const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const text = code.textContent;
  if (!hljs.getLanguage(language) || text.length > MOST_CHARACTERS || TOO_LONG.test(text)) return;
  code.replaceChildren(colours(text, language));
}

/** Return a text as coloured elements, of one line or many. */
export function colours(text: string, language: string): DocumentFragment {
  return spans(hljs.highlight(text, { language, ignoreIllegals: true }).value);
}
