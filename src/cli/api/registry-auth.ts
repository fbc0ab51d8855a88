/**
 * Credentials for registries: written to ~/.causeway/config.json, read from there and then from Docker's own
 * ~/.docker/config.json. Credential helpers named in either file are asked.
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { StatusError } from '../command/status-error.ts';
import { configDirectory } from './tls-files.ts';
import { readConfigFile } from './user-file.ts';

/** The key under which Docker keeps the credentials of Docker Hub. */
export const DOCKER_HUB = 'https://index.docker.io/v1/';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress?: string;
}

interface ConfigFile {
  auths?: Record<
    string,
    { auth?: string; username?: string; password?: string; identitytoken?: string; registrytoken?: string }
  >;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  detachKeys?: string;
  [other: string]: unknown;
}

export const ownConfigPath = (): string =>
  join(process.env['CAUSEWAY_CONFIG'] ?? join(homedir(), '.causeway'), 'config.json');
const dockerConfigPath = (): string => join(configDirectory(process.env), 'config.json');

function readConfig(path: string): ConfigFile | undefined {
  let text: string;
  try {
    text = readConfigFile(path).toString();
  } catch (error) {
    // Docker goes on without what it may not read; what would never end is said.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
  try {
    return JSON.parse(text) as ConfigFile;
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

const configs = (): ConfigFile[] =>
  [ownConfigPath(), dockerConfigPath()].map(readConfig).filter((config) => config !== undefined);

export function configuredDetachKeys(): string {
  return configs().find(({ detachKeys }) => detachKeys)?.detachKeys ?? '';
}

/** docker.io is filed under Docker Hub's URL. */
const registryKey = (domain: string): string =>
  domain === 'docker.io' || domain === 'index.docker.io' ? DOCKER_HUB : domain;

const hostOf = (key: string) => key.replace(/^https?:\/\//, '').split('/')[0];

export async function findCredentials(domain: string): Promise<Credentials | undefined> {
  const key = registryKey(domain);
  for (const config of configs()) {
    const helper = config.credHelpers?.[domain] ?? config.credHelpers?.[key] ?? config.credsStore;
    const asked = helper ? await askHelper(helper, key) : undefined;
    if (asked) return asked;
    const auths = config.auths ?? {};
    const entry = auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === hostOf(key))?.[1];
    if (entry) return decodeEntry(entry, key);
  }
  return undefined;
}

function decodeEntry(entry: NonNullable<ConfigFile['auths']>[string], serveraddress: string): Credentials {
  const { auth, ...rest } = entry;
  const [username, ...password] = Buffer.from(auth ?? '', 'base64')
    .toString()
    .replace(/\0+$/, '')
    .split(':');
  return { ...rest, ...(auth ? { username: username ?? '', password: password.join(':') } : {}), serveraddress };
}

const HELPER = /^[\w.-]+$/;

async function runHelper(helper: string, verb: 'get' | 'list', input: string): Promise<unknown> {
  // A path would be any program of any directory.
  if (!HELPER.test(helper))
    throw new StatusError(`config.json: ${JSON.stringify(helper)} is no name of a credential helper, like "pass"`);
  const { execFileSync } = await import('node:child_process');
  try {
    const stdio: ['pipe', 'pipe', 'ignore'] = ['pipe', 'pipe', 'ignore'];
    return JSON.parse(
      execFileSync(`docker-credential-${helper}`, [verb], { input, encoding: 'utf8', stdio }),
    ) as unknown;
  } catch {
    return undefined; // not installed, or it knows nothing
  }
}

async function helperKeys(helper: string): Promise<string[]> {
  const answer = await runHelper(helper, 'list', '');
  return typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
}

async function askHelper(helper: string, key: string): Promise<Credentials | undefined> {
  const answer = await runHelper(helper, 'get', key);
  try {
    const { Username, Secret } = answer as { Username: string; Secret: string };
    return Username === '<token>'
      ? { identitytoken: Secret, serveraddress: key }
      : { username: Username, password: Secret, serveraddress: key };
  } catch {
    return undefined; // not installed, or it knows nothing
  }
}

/** Of every registry that they are known for, by the name under which they are filed. */
export async function allCredentials(): Promise<Record<string, Credentials>> {
  const all: Record<string, Credentials> = {};
  for (const config of configs()) {
    for (const key of await keysOf(config)) {
      if (Object.hasOwn(all, key)) continue;
      const found = await findCredentials(key === DOCKER_HUB ? 'docker.io' : key);
      if (found) all[key] = found;
    }
  }
  return all;
}

async function keysOf({ auths, credHelpers, credsStore }: ConfigFile): Promise<string[]> {
  const stored = credsStore ? await helperKeys(credsStore) : [];
  return [...Object.keys(auths ?? {}), ...Object.keys(credHelpers ?? {}), ...stored];
}

/** The X-Registry-Auth header for what is pulled from or pushed to a registry. */
export async function authHeader(domain: string): Promise<Record<string, string>> {
  return {
    'X-Registry-Auth': Buffer.from(JSON.stringify((await findCredentials(domain)) ?? {})).toString('base64url'),
  };
}

export function saveCredentials(
  key: string,
  credentials: { username: string; password: string; identitytoken?: string },
): void {
  const { username, password, identitytoken } = credentials;
  const auth = Buffer.from(`${username}:${identitytoken ? '' : password}`).toString('base64');
  changeOwnConfig((config) => ((config.auths ??= {})[key] = { auth, ...(identitytoken ? { identitytoken } : {}) }));
}

/** True if there was something to forget. */
export function forgetCredentials(key: string): boolean {
  if (readConfig(ownConfigPath())?.auths?.[key] === undefined) return false;
  changeOwnConfig((config) => delete config.auths?.[key]);
  return true;
}

function changeOwnConfig(change: (config: ConfigFile) => unknown): void {
  const path = ownConfigPath();
  const config = readConfig(path) ?? {};
  change(config);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(config, undefined, '\t')}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
}
