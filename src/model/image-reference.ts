/**
 * Image references in Docker's grammar. Inside the room a reference is always whole: 'busybox' is docker.io,
 * library/busybox. What a user sees is the familiar form again ('busybox:latest'). The error texts are Docker's.
 */
import { invalid } from '../base/errors.ts';

export interface ImageReference {
  readonly domain: string; // 'docker.io', 'localhost:5000'
  readonly path: string; // 'library/busybox'
  readonly tag: string; // '' when none was given
  readonly digest: string; // 'sha256:...', '' when none was given
}

/** What a user may write where an image is meant: a name, or an id (whole, as 64 hex digits or 'sha256:...'). */
export type AnyReference =
  | { readonly kind: 'name'; readonly name: ImageReference }
  | { readonly kind: 'id'; readonly id: string };

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';

const ALNUM = '[a-z0-9]+';
const COMPONENT = `${ALNUM}(?:(?:\\.|_|__|-+)${ALNUM})*`;
const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(${DOMAIN})/(${COMPONENT}(?:/${COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const TAG_ONLY = new RegExp(`^${TAG}$`);
const DIGEST_ONLY = /^sha256:[0-9a-f]{64}$/;
const HEX_64 = /^[a-f0-9]{64}$/;

/** Parses and completes a name. Throws kind `invalid` with Docker's words. */
export function parseReference(text: string): ImageReference {
  if (HEX_64.test(text)) throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const [domain, remainder] = splitDomain(text);
  const colon = remainder.indexOf(':');
  const remote = colon >= 0 ? remainder.slice(0, colon) : remainder;
  if (remote.toLowerCase() !== remote) {
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  const match = REFERENCE.exec(`${domain}/${remainder}`);
  if (!match) throw invalid('invalid reference format');
  const [, , path = '', tag = '', digest = ''] = match;
  if (domain.length + 1 + path.length > 255) throw invalid('repository name must not be more than 255 characters');
  if (digest !== '') checkDigest(digest);
  return { domain, path, tag, digest };
}

/** Parses what may also be an id. */
export function parseAnyReference(text: string): AnyReference {
  if (HEX_64.test(text)) return { kind: 'id', id: `sha256:${text}` };
  if (DIGEST_ONLY.test(text)) return { kind: 'id', id: text };
  return { kind: 'name', name: parseReference(text) };
}

function checkDigest(digest: string): void {
  if (DIGEST_ONLY.test(digest)) return;
  throw invalid(digest.startsWith('sha256:') ? 'invalid checksum digest length' : 'unsupported digest algorithm');
}

function splitDomain(text: string): [domain: string, remainder: string] {
  const slash = text.indexOf('/');
  const head = text.slice(0, Math.max(slash, 0));
  const isDomain = slash >= 0 && (/[.:]/.test(head) || head === 'localhost' || head.toLowerCase() !== head);
  let domain = isDomain ? head : DEFAULT_DOMAIN;
  let remainder = isDomain ? text.slice(slash + 1) : text;
  if (domain === 'index.docker.io') domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !remainder.includes('/')) remainder = OFFICIAL + remainder;
  return [domain, remainder];
}

/** The reference with ':latest' where it has neither tag nor digest. */
export function withDefaultTag(reference: ImageReference): ImageReference {
  return reference.tag === '' && reference.digest === '' ? { ...reference, tag: 'latest' } : reference;
}

/** The reference under another tag. Throws kind `invalid` with Docker's words. */
export function withTag(reference: ImageReference, tag: string): ImageReference {
  if (!TAG_ONLY.test(tag)) throw invalid('invalid tag format');
  return { ...reference, tag };
}

/** The reference under another tag, or, where a digest stands in place of one, the content that it names. */
export function withTagOrDigest(reference: ImageReference, text: string): ImageReference {
  return DIGEST_ONLY.test(text) ? { ...reference, tag: '', digest: text } : withTag(reference, text);
}

/** 'docker.io/library/busybox': the repository, whole. */
export function repositoryOf(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** 'docker.io/library/busybox:latest': the whole reference; what the index keeps. */
export function formatReference(reference: ImageReference): string {
  return repositoryOf(reference) + suffix(reference);
}

/** 'busybox', 'training/webapp', 'localhost:5000/x/y': the repository as people write it. */
export function familiarName(reference: ImageReference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryOf(reference);
  // 'library/a/b' is not an official image, and must keep its first component to mean itself.
  const short = reference.path.slice(OFFICIAL.length);
  return reference.path.startsWith(OFFICIAL) && !short.includes('/') ? short : reference.path;
}

/** 'busybox:latest': the reference as people write it. */
export function familiarReference(reference: ImageReference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix(reference: ImageReference): string {
  return (reference.tag === '' ? '' : `:${reference.tag}`) + (reference.digest === '' ? '' : `@${reference.digest}`);
}

/** What Docker shows for `text` in 'No such image: ...'. */
export function describeReference(text: string): string {
  const parsed = parseAnyReference(text);
  return parsed.kind === 'id' ? parsed.id : familiarReference(withDefaultTag(parsed.name));
}
