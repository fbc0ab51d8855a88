import { invalid } from '../../base/errors.ts';

/** What `--link` names: a container (by name or id) and the alias that the linking container knows it by. */
export interface LinkRequest {
  readonly source: string;
  readonly alias: string;
}

/**
 * Parses 'db', 'db:database' and the stored form '/db:/web/database' that clients send back. Throws `invalid` in
 * Docker's words. 'db:' has no alias, so the source's own name serves.
 */
export function parseLink(text: string): LinkRequest {
  if (text === '') throw invalid('empty string specified for links');
  const parts = text.split(':');
  if (parts.length > 2) throw invalid(`bad format for links: ${text}`);
  const [source = '', alias = source] = parts;
  const stored = source.startsWith('/');
  const name = stored ? source.slice(1) : source;
  const shortAlias = stored ? alias.slice(alias.lastIndexOf('/') + 1) : alias;
  return { source: name, alias: innerAlias(shortAlias) === '' ? '' : shortAlias };
}

/**
 * What a link on the default bridge is called in the container that has it, in its hosts file and its environment: of
 * an alias with slashes the last part, as the whole is a path of names to Docker. '' where nothing is left of it.
 */
export function innerAlias(alias: string): string {
  const parts = alias.split('/').filter((part) => part !== '');
  return parts.at(-1) ?? '';
}

/** The form that HostConfig.Links shows: '/db:/web/database'. */
export function formatLink(sourceName: string, recipientName: string, alias: string): string {
  return `/${sourceName}:/${recipientName}/${alias}`;
}
