/** Texts by others as they are, with nothing hidden in them: what somebody reads is what is there, and what is copied. */

// Could make a text look like another one: controls, what takes no room, what turns the direction of writing, blanks that
// are no blanks to a shell. What joins emoji stays (UTS 51).
const UNSEEN =
  /(?![\t\n\u200d\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?!\x20)\p{Zs}|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|(?<!\p{Extended_Pictographic})\ufe0f/gu;
// Marks and isolates belong to some people's writing; what overrides the order is nobody's (UAX 9, 2.2 to 2.4).
const TURNING = /[\u202a-\u202e]/g;

const spelled = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** Return code, a command, a name: whatever may be run or told apart by its characters. */
export const visible = (text: string): string => text.replace(UNSEEN, spelled);

/** Return prose: only what would have it read in another order is shown as such. */
export const upright = (text: string): string => text.replace(TURNING, spelled);

/** Return a name of a thing as a line that tells no other story: of a tab, a notification, a row. */
export const lineOf = (text: string): string => visible(text.replace(/\s+/g, " "));
