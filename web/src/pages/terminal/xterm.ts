/** xterm.js under the policy of the pages, which has no inline styles. Loaded when there is a terminal to show. */
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { type ITerminalOptions, Terminal } from "@xterm/xterm";

/** Return a terminal and what fits it into its element. It answers no queries of programs: the server does that. */
export function makeTerminal(options: ITerminalOptions): { terminal: Terminal; fit: FitAddon } {
  const terminal = new Terminal({ ...options, allowProposedApi: true });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  return { terminal, fit };
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
