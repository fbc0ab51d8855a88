/**
 * Docker's contexts: named endpoints that `docker context create` keeps below ~/.docker/contexts. They are read; the one
 * for a daemon of ours can be added.
 *
 *   contexts/meta/SHA256(name)/meta.json      { Name, Metadata: { Description }, Endpoints: { docker: { Host, SkipTLSVerify } } }
 *   contexts/tls/SHA256(name)/docker/{ca,cert,key}.pem
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StatusError } from '../command/status-error.ts';
import type { TlsFiles } from './tls-files.ts';
import { readConfigFile } from './user-file.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

export interface Context {
  readonly name: string;
  readonly description: string;
  /** In Docker's notation: unix://, tcp://, ssh://. */
  readonly host: string;
  readonly skipVerify: boolean;
  readonly tls: TlsFiles;
}

/** Throws in Docker's words if there is none of that name. */
export function readContext(configDirectory: string, name: string): Context {
  const unresolved = (reason: string) =>
    new StatusError(
      `Failed to initialize: unable to resolve docker endpoint: context ${JSON.stringify(name)}: ${reason}`,
    );
  if (!NAME.test(name)) throw unresolved(`context not found: ${JSON.stringify(name)} is not a name of a context`);
  const id = idOf(name);
  const path = metaOf(configDirectory, id);
  let text: string;
  try {
    text = readConfigFile(path).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unresolved((error as Error).message);
    throw unresolved(`context not found: open ${path}: no such file or directory`);
  }
  const context = parse(text, join(configDirectory, 'contexts/tls', id, 'docker'));
  if (typeof context === 'string') throw unresolved(`${path}: ${context}`);
  return context;
}

const idOf = (name: string): string => createHash('sha256').update(name).digest('hex');
const metaOf = (configDirectory: string, id: string): string => join(configDirectory, 'contexts/meta', id, 'meta.json');

/**
 * Adds one, as `docker context create NAME --description D --docker host=H` does. False: it is there already, and leads
 * there. @throws StatusError for a bad name, or one that leads elsewhere
 */
export function addContext(
  configDirectory: string,
  { name, description, host }: Omit<Context, 'skipVerify' | 'tls'>,
): boolean {
  if (name === 'default') throw new StatusError('"default" is a reserved context name');
  if (!NAME.test(name))
    throw new StatusError(
      `context name ${JSON.stringify(name)} is invalid, names are validated against regexp ${JSON.stringify(NAME.source)}`,
    );
  const there = listContexts(configDirectory).find((one) => one.name === name);
  if (there?.host === host) return false;
  if (there)
    throw new StatusError(
      `context ${JSON.stringify(name)} already exists and leads to ${there.host}: choose another name, or docker context rm ${name}`,
    );
  const path = metaOf(configDirectory, idOf(name));
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const meta = {
    Name: name,
    Metadata: { Description: description },
    Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  };
  writeFileSync(`${path}.new`, JSON.stringify(meta), { mode: 0o644 });
  renameSync(`${path}.new`, path);
  return true;
}

/** Every context of the store, by name; what cannot be read is left out, as its name is not known. */
export function listContexts(configDirectory: string): Context[] {
  let ids: string[];
  try {
    ids = readdirSync(join(configDirectory, 'contexts/meta'));
  } catch {
    return [];
  }
  const contexts: Context[] = [];
  for (const id of ids) {
    try {
      const text = readConfigFile(metaOf(configDirectory, id)).toString();
      const context = parse(text, join(configDirectory, 'contexts/tls', id, 'docker'));
      if (typeof context !== 'string') contexts.push(context);
    } catch {
      continue;
    }
  }
  return contexts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

interface Meta {
  readonly Name?: unknown;
  readonly Metadata?: { readonly Description?: unknown } | null;
  readonly Endpoints?: {
    readonly docker?: { readonly Host?: unknown; readonly SkipTLSVerify?: unknown } | null;
  } | null;
}

/** The context, or what is wrong with the file. */
function parse(text: string, tlsDirectory: string): Context | string {
  let meta: Meta | null;
  try {
    meta = JSON.parse(text) as Meta | null;
  } catch (error) {
    return (error as Error).message;
  }
  const docker = meta?.Endpoints?.docker;
  if (typeof meta?.Name !== 'string') return 'it has no Name';
  if (typeof docker?.Host !== 'string' || docker.Host === '') return 'it has no Endpoints.docker.Host';
  const description = meta.Metadata?.Description;
  return {
    name: meta.Name,
    description: typeof description === 'string' ? description : '',
    host: docker.Host,
    skipVerify: docker.SkipTLSVerify === true,
    tls: tlsIn(tlsDirectory),
  };
}

function tlsIn(directory: string): TlsFiles {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return {};
  }
  return Object.fromEntries(
    (['ca', 'cert', 'key'] as const)
      .filter((part) => names.includes(`${part}.pem`))
      .map((part) => [part, join(directory, `${part}.pem`)]),
  );
}
