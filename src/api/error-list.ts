/** Several complaints in one message, set out as Docker sets them out. */
export function joinMessages(messages: readonly string[]): string {
  if (messages.length === 1) return messages[0]!.trim();
  return `* ${messages.map((message) => message.replaceAll('\n', '\n\t')).join('\n* ')}`;
}
