/** xterm.js under the policy of the pages, which has no inline styles. Loaded when there is a terminal to show. */
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { type IFunctionIdentifier, type ITerminalOptions, Terminal } from "@xterm/xterm";

export interface Made {
  terminal: Terminal;
  fit: FitAddon;
  search: SearchAddon;
}

/** Return a terminal that shows and is typed into, and does nothing else: the server answers what programs ask, and
 *  `onLink` is told of the addresses that somebody chose, none but http and https. */
export function makeTerminal(options: ITerminalOptions, onLink: (address: string) => void): Made {
  const follow = (_: MouseEvent, address: string) => {
    if (/^https?:\/\//i.test(address)) onLink(address);
  };
  const terminal = new Terminal({ ...options, allowProposedApi: true, linkHandler: { activate: follow } });
  const fit = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.loadAddon(new WebLinksAddon(follow));
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  beSilent(terminal);
  return { terminal, fit, search };
}

/** Take out what a terminal would answer by itself, and what reaches past its window: it comes through a log, perhaps
 *  years after it was asked, to as many viewers as there are. */
function beSilent({ parser }: Terminal): void {
  const queries: IFunctionIdentifier[] = [
    ...["", ">", "="].map((prefix) => ({ prefix, final: "c" })), // who are you
    ...["", "?"].map((prefix) => ({ prefix, final: "n" })), // status, cursor
    ...["", "?"].map((prefix) => ({ prefix, intermediates: "$", final: "p" })), // modes
    { prefix: ">", final: "q" }, // version
    { prefix: "?", final: "u" }, // keyboard protocol
    { final: "t" }, // window: size, title, place
    { final: "x" }, // parameters
  ];
  for (const { prefix, ...query } of queries) {
    parser.registerCsiHandler(prefix ? { prefix, ...query } : query, () => true);
  }
  for (const intermediates of ["$", "+"]) parser.registerDcsHandler({ intermediates, final: "q" }, () => true);
  for (const colour of [4, 5, 10, 11, 12, 13, 14, 17, 19]) {
    parser.registerOscHandler(colour, (data) => data.split(";").includes("?"));
  }
  for (const reaching of [9, 52, 99, 777, 1337]) parser.registerOscHandler(reaching, () => true); // clipboard, files, notes
}

/** Draw by the graphics card, unless there is none: its imitation is four times slower than the page itself. */
export async function drawByCard(terminal: Terminal): Promise<void> {
  const card = document.createElement("canvas").getContext("webgl2");
  const info = card?.getExtension("WEBGL_debug_renderer_info");
  const name = card && info ? String(card.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  if (!card || /swiftshader|llvmpipe|software/i.test(name)) return;
  const { WebglAddon } = await import("@xterm/addon-webgl");
  const addon = new WebglAddon();
  addon.onContextLoss(() => addon.dispose());
  terminal.loadAddon(addon);
}

/* xterm.js writes its rules into style elements and colours into style attributes, wherever it takes its document from.
   Both count as inline styles. Rules given to a CSSStyleSheet and text given to `cssText` do not (CSP 3, 8.5), and mean the
   same: so for as long as this page is there, that is what becomes of the former. */
HTMLElement.prototype.setAttribute = function (name: string, value: string) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
};
const createElement: (tag: string, options?: ElementCreationOptions) => HTMLElement =
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- one of its forms is, which nobody means here
  document.createElement.bind(document);
Object.assign(document, {
  createElement: (tag: string, options?: ElementCreationOptions) =>
    tag === "style" ? rules() : createElement(tag, options),
});

/** Return what takes the place of a style element: its text is a style sheet of the page until it is removed. */
function rules(): HTMLElement {
  const element = createElement("template");
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    HTMLElement.prototype.remove.call(element);
  };
  return element;
}
