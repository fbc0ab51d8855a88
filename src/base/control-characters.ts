/**
 * Text of others that is shown on a terminal or stands in a line of a log. What would move the cursor, set the title,
 * type an answer or turn the direction of writing around is spelled out: \u001b, as JSON does it, so that JSON stays
 * what it is.
 */

/** Controls of ASCII and of Latin-1, both separators of lines, and what changes the direction of writing. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** `kept`: controls that stay, such as the line breaks of a text that has lines. */
export function escapeControls(text: string, kept = ''): string {
  return text.replace(CONTROLS, (c) => (kept.includes(c) ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

/** A sentence for a user, wherever it is shown: only its lines and columns stay. */
export const visibleText = (text: string): string => escapeControls(text, '\n\t');
