/**
 * Image names in requests: 'repo' and 'tag' parameters put together, and refused in Docker's words where they are
 * invalid.
 */
import { forbidden, invalid } from '../base/errors.ts';

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const DOMAIN =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const NAME = new RegExp(`^(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

export interface ImageReference {
  readonly name: string;
  readonly tag: string; // '' without
  readonly digest: string; // '' without
}

/** 'host:5000/team/app:1.0@sha256:...' in its parts; throws "invalid reference format". */
export function parseImageReference(text: string): ImageReference {
  const [beforeDigest, digest = ''] = splitOnce(text, '@');
  const colon = beforeDigest.lastIndexOf(':');
  const hasTag = colon > beforeDigest.lastIndexOf('/');
  const name = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = hasTag ? beforeDigest.slice(colon + 1) : '';
  if (NAME.test(name.toLowerCase()) && !NAME.test(name) && /[A-Z]/.test(name)) {
    throw invalid(`invalid reference format: repository name (${name}) must be lowercase`);
  }
  if (!NAME.test(name) || (hasTag && !TAG.test(tag)) || (text.includes('@') && !DIGEST.test(digest)))
    throw invalid('invalid reference format');
  if (/^[0-9a-f]{64}$/.test(name))
    throw invalid(`invalid repository name (${name}), cannot specify 64-byte hexadecimal strings`);
  return { name, tag, digest };
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function formatImageReference({ name, tag, digest }: ImageReference): string {
  return `${name}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`;
}

/** The reference of `repo` and `tag` parameters, ':latest' where none is named; '' where repo is. */
export function repoTagReference(repo: string, tag: string): string {
  if (repo === '') return '';
  const reference = parseImageReference(repo);
  if (reference.digest !== '') throw invalid('cannot import digest reference');
  if (tag !== '' && !TAG.test(tag)) throw invalid('invalid tag format');
  return formatImageReference({ ...reference, tag: tag || reference.tag || 'latest' });
}

/** What a pull asks for: 'fromImage' may hold a tag or digest, and 'tag' may be either too. */
export function pullReference(fromImage: string, tag: string): string {
  const reference = parseImageReference(fromImage.replace(/:$/, ''));
  if (reference.name === 'scratch') throw forbidden(`'scratch' is a reserved name`);
  if (tag === '') return formatImageReference(reference);
  if (DIGEST.test(tag)) return formatImageReference({ name: reference.name, tag: '', digest: tag });
  if (!TAG.test(tag)) throw invalid('invalid tag format');
  return formatImageReference({ ...reference, tag });
}
