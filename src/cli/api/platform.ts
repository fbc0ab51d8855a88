/** "linux/arm64/v8" as the API takes platforms of images: JSON. Some routes take the words as they are. */
import { ownField } from '../../base/own-field.ts';
import { StatusError } from '../command/status-error.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
};
const SYSTEMS = new Set(['linux', 'windows', 'darwin', 'freebsd']);

/** Throws for what cannot be the name of a platform, in Docker's words. */
export function checkPlatform(text: string): void {
  const parts = text.split('/');
  const bad = parts.find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (bad !== undefined) {
    throw new StatusError(
      `${JSON.stringify(bad)} is an invalid component of ${JSON.stringify(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
    );
  }
  if (parts.length > 3)
    throw new StatusError(`${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
}

/** Nothing for an empty text; throws for anything that is not a platform. */
export function platformQuery(text: string): string | undefined {
  if (text === '') return undefined;
  checkPlatform(text);
  const parts = text.toLowerCase().split('/');
  const [first = '', second, third] = parts;
  if (second === undefined && !SYSTEMS.has(first))
    return JSON.stringify({ architecture: ownField(ARCHITECTURES, first) ?? first, os: 'linux' });
  return JSON.stringify({
    architecture: second === undefined ? '' : (ownField(ARCHITECTURES, second) ?? second),
    os: first,
    variant: third,
  });
}
