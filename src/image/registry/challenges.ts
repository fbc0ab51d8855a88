/** What a 401 asks for: the WWW-Authenticate header. */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads a WWW-Authenticate header, which may hold several challenges. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  // Each character is looked at once: a header is what a stranger sends.
  const pattern = /[\s,]*(?:([A-Za-z]+)\s+(?=[A-Za-z_]+\s*=))?([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/y;
  for (let match = pattern.exec(header ?? ''); match; match = pattern.exec(header ?? '')) {
    const [, scheme, name = '', quoted, plain = ''] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase() as Challenge['scheme'], parameters: {} });
    const last = challenges.at(-1);
    if (!last) break;
    (last.parameters as Record<string, string>)[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain;
  }
  if (challenges.length === 0 && /^\s*basic\s*$/i.test(header ?? ''))
    challenges.push({ scheme: 'basic', parameters: {} });
  return challenges.filter(({ scheme }) => scheme === 'basic' || scheme === 'bearer');
}
