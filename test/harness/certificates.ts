/** A certificate authority of a test, made by openssl, and what it signs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, run } from './host.ts';

export class Authority {
  readonly directory: string;
  readonly #name: string;

  constructor(directory: string, name: string) {
    this.directory = directory;
    this.#name = name;
    this.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.#key,
      '-out',
      this.certificate,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  }

  get certificate(): string {
    return join(this.directory, `${this.#name}.pem`);
  }

  get #key(): string {
    return join(this.directory, `${this.#name}-key.pem`);
  }

  /** A certificate and its key, for a server at `addresses` or for a client. */
  sign(name: string, addresses: readonly string[] = []): { cert: string; key: string } {
    const [cert, key, request, extensions] = ['', '-key', '-request', '-extensions'].map((part) =>
      join(this.directory, `${name}${part}.pem`),
    ) as [string, string, string, string];
    const usage = addresses.length > 0 ? 'serverAuth' : 'clientAuth';
    const names = addresses.length > 0 ? `\nsubjectAltName=${addresses.map((one) => `IP:${one}`).join(',')}` : '';
    writeFileSync(extensions, `extendedKeyUsage=${usage}${names}\n`);
    this.#openssl('req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.certificate,
      '-CAkey',
      this.#key,
      '-CAcreateserial',
      '-out',
      cert,
      '-days',
      '2',
      '-extfile',
      extensions,
    );
    return { cert, key };
  }

  #openssl(...args: string[]): void {
    check(run('openssl', args));
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
