/** The files that a connection over TLS uses, from flags, Docker's variables or a context. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { StatusError } from '../command/status-error.ts';
import { readNamedFile } from './user-file.ts';

export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What Node's TLS takes. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

export interface TlsFlags {
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  /** Empty: not given. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * What `--tls…` and DOCKER_TLS_VERIFY, DOCKER_CERT_PATH ask for; undefined: no TLS. Files that were not named are used
 * where they are in the directory of certificates.
 */
export function tlsOfFlags(flags: TlsFlags, env: NodeJS.ProcessEnv): TlsOptions | undefined {
  const verify = flags.tlsVerify || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  const named = flags.ca !== '' || flags.cert !== '' || flags.key !== '';
  if (!flags.tls && !verify && !named) return undefined;
  const directory = env['DOCKER_CERT_PATH'] || configDirectory(env);
  const file = (wanted: string, name: string) => {
    const path = wanted || join(directory, name);
    return wanted !== '' || existsSync(path) ? path : undefined;
  };
  const files = { ca: file(flags.ca, 'ca.pem'), cert: file(flags.cert, 'cert.pem'), key: file(flags.key, 'key.pem') };
  return readTls(Object.fromEntries(Object.entries(files).filter(([, path]) => path !== undefined)), !verify);
}

/**
 * A socket of this machine needs no TLS, and has none: like Docker, who asks for it and has no authority's certificate
 * is told so, in place of being left to believe that the daemon was verified.
 */
export function refuseTlsWithoutAuthority(flags: TlsFlags, env: NodeJS.ProcessEnv): void {
  const wanted = flags.tls || flags.tlsVerify || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  const path = flags.ca || join(env['DOCKER_CERT_PATH'] || configDirectory(env), 'ca.pem');
  if (wanted && !existsSync(path))
    throw new StatusError(
      `Failed to initialize: unable to resolve docker endpoint: open ${path}: no such file or directory`,
    );
}

/** Docker's client configuration: DOCKER_CONFIG, or ~/.docker. */
export const configDirectory = (env: NodeJS.ProcessEnv): string =>
  env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');

export function readTls(files: TlsFiles, skipVerify: boolean): TlsOptions {
  if ((files.cert === undefined) !== (files.key === undefined)) {
    const [there, missing] = files.cert === undefined ? ['key', 'certificate'] : ['certificate', 'key'];
    throw new StatusError(
      `Failed to initialize: a TLS ${there} (${files.cert ?? files.key}) needs its ${missing}: give --tlscert and --tlskey`,
    );
  }
  const read = (path: string, what: string) => {
    try {
      return readNamedFile(path);
    } catch (error) {
      throw new StatusError(`Failed to initialize: could not read ${what} ${path}: ${(error as Error).message}`);
    }
  };
  return {
    ...(files.ca === undefined ? {} : { ca: read(files.ca, 'CA certificate') }),
    ...(files.cert === undefined ? {} : { cert: read(files.cert, 'TLS certificate') }),
    ...(files.key === undefined ? {} : { key: read(files.key, 'TLS key') }),
    rejectUnauthorized: !skipVerify,
  };
}
