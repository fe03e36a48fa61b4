import { toast, toastError } from "./toast";

/** Put a text on the clipboard and say so. */
export async function copy(text: string | Promise<string>, what: string): Promise<void> {
  try {
    await write(await text);
    toast(`${what} copied`);
  } catch (error) {
    toastError(error);
  }
}

async function write(text: string): Promise<void> {
  if ("clipboard" in navigator) return navigator.clipboard.writeText(text);
  // A page that came by plain HTTP from another machine has no clipboard, save by this.
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is nothing else there
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("This browser keeps its clipboard closed; select the text instead.");
}
