/** --tls, --tlsverify and their files, with dockerd's rules about what follows from what. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TlsConfig } from './config-shape.ts';
import type { RawOptions } from './options/read.ts';

export function tlsConfig({ texts, switches }: RawOptions): TlsConfig {
  const { tls, tlsverify } = switches;
  // Who asks for or against verification, asks for TLS; TLS alone includes verification.
  const mode = tlsverify !== undefined ? (tlsverify ? 'verify' : 'server') : tls ? 'verify' : 'off';
  const isExplicit = tlsverify !== undefined || tls !== undefined;
  const file = (option: string, name: string): string => texts[option] || join(certificateDirectory(), name);
  const isThere = (path: string): string => (existsSync(path) ? path : '');
  return {
    mode,
    isExplicit,
    caFile: file('tlscacert', 'ca.pem'),
    certFile: texts['tlscert'] || isThere(file('tlscert', 'cert.pem')),
    keyFile: texts['tlskey'] || isThere(file('tlskey', 'key.pem')),
  };
}

function certificateDirectory(): string {
  return process.env['DOCKER_CERT_PATH'] || process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
}
