/** Addresses as they may be shown and logged: with 'xxxxx' in place of a password, as Go does it. */
export function redactedUrl(url: URL): string {
  if (url.password === '') return url.href;
  const shown = new URL(url);
  shown.password = 'xxxxx';
  return shown.href;
}

/** The same for text that may be no address at all. */
export function redactedUrlText(text: string): string {
  return text.replace(/(:\/\/[^\s/?#:@]*):[^\s/?#]*@/g, '$1:xxxxx@');
}
