/** Names of images as people write them: docker.io and library/ understood, :latest understood. */

const SEPARATOR = '(?:[._]|__|-+)';
const COMPONENT = `[a-z0-9]+(?:${SEPARATOR}[a-z0-9]+)*`;
const REMOTE_NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const DOMAIN = /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

export interface ImageReference {
  /** docker.io, localhost:5000 */
  readonly domain: string;
  /** library/busybox */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Throws with Docker's sentence. */
export function parseImageReference(text: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(text)) throw new Error(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  let rest = text;
  let digest: string | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!DIGEST.test(digest)) throw new Error('invalid reference format');
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!TAG.test(tag)) throw new Error('invalid reference format');
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  const hasDomain = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first;
  let domain = hasDomain ? first : 'docker.io';
  let path = hasDomain ? rest.slice(slash + 1) : rest;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  if (path.toLowerCase() !== path && REMOTE_NAME.test(path.toLowerCase())) {
    throw new Error(`invalid reference format: repository name (${path}) must be lowercase`);
  }
  if (!REMOTE_NAME.test(path) || !DOMAIN.test(domain)) throw new Error('invalid reference format');
  return { domain, path, tag, digest };
}

export function familiarName({ domain, path }: ImageReference): string {
  if (domain !== 'docker.io') return `${domain}/${path}`;
  return path.startsWith('library/') && !path.slice(8).includes('/') ? path.slice(8) : path;
}

/** As Docker shows it: without docker.io and library/, with its tag and digest. */
export function familiarReference(reference: ImageReference): string {
  const { tag, digest } = reference;
  return `${familiarName(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

export const withDefaultTag = (reference: ImageReference): ImageReference =>
  reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;

/** Its place in the API: slashes of its name stay. */
export const imagePath = (name: string): string => `/images/${name.split('/').map(encodeURIComponent).join('/')}`;

/** True for an image ID, which is no name. */
export const isImageId = (text: string): boolean => /^(?:sha256:)?[a-f0-9]{64}$/.test(text);
