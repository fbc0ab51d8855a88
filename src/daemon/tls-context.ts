/** The files of --tlscacert, --tlscert and --tlskey, as TLS on TCP sockets takes them. Errors in dockerd's words. */
import { createSecureContext, type TlsOptions } from 'node:tls';
import { errorMessage, invalid } from '../base/errors.ts';
import { readPemFile } from '../kernel/host-file.ts';
import type { TlsConfig } from './config-shape.ts';

/** Undefined: without TLS. @throws invalid */
export function tlsOptions(config: TlsConfig): TlsOptions | undefined {
  if (config.mode === 'off') return undefined;
  const { certFile, keyFile, caFile } = config;
  const pair = attempt(
    `could not load X509 key pair (cert: ${JSON.stringify(certFile)}, key: ${JSON.stringify(keyFile)})`,
    () => {
      const files = { cert: readPem(certFile, 'tlscert'), key: readPem(keyFile, 'tlskey') };
      createSecureContext(files); // so that a key of another certificate is refused now
      return files;
    },
    '. Make sure the key is not encrypted',
  );
  const options: TlsOptions = { ...pair, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 };
  if (config.mode === 'server') return { ...options, requestCert: false };
  const ca = attempt(`could not read CA certificate ${JSON.stringify(caFile)}`, () => {
    const pem = readPem(caFile, 'tlscacert');
    if (!/-----BEGIN CERTIFICATE-----/.test(pem)) throw new Error('failed to append certificates from PEM file');
    createSecureContext({ ca: pem });
    return pem;
  });
  return { ...options, ca, requestCert: true, rejectUnauthorized: true };
}

function readPem(path: string, option: string): string {
  if (path === '') throw invalid(`no file is given by --${option}, and the default one is not there`);
  return readPemFile(path).toString();
}

function attempt<T>(what: string, work: () => T, hint = ''): T {
  try {
    return work();
  } catch (error) {
    throw invalid(`invalid TLS configuration: ${what}: ${errorMessage(error)}${hint}`, error);
  }
}
