/**
 * Text that others chose, in a sentence for a user: what would move a terminal's cursor, set its title or turn the
 * direction of writing is shown as Go's %q shows it. Newlines and tabs stay.
 */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

const HIDDEN = /(?![\n\t])\p{Cc}|\p{Bidi_Control}/gu;
