/**
 * Logging in to a registry: what a 401 asks for (basic credentials, or a token from a token server) is fetched and kept
 * for the requests that follow.
 */
import { CausewayError, systemError } from '../../base/errors.ts';
import { parseChallenges, type Challenge } from './challenges.ts';
import { parseJsonObject, readBody, registryError } from './registry-error.ts';
import { redirectTarget, type ExchangeResponse, type Transport } from './transport.ts';
import type { RegistryAuth } from '../../model/registry.ts';

/** The registry requires a name and a password, and there are none. */
export class NoCredentialsError extends CausewayError {
  constructor() {
    super('unauthorized', 'no basic auth credentials');
    this.name = 'NoCredentialsError';
  }
}

export class Authorizer {
  readonly #transport: Transport;
  readonly #auth: RegistryAuth | null;
  readonly #scope: string;
  #header: string | undefined;
  #answering: Promise<void> | undefined;

  /** `scope`: 'repository:library/busybox:pull,push'; '' for a login alone. */
  constructor(transport: Transport, auth: RegistryAuth | null, scope: string) {
    this.#transport = transport;
    this.#auth = auth;
    this.#scope = scope;
    if (auth?.registryToken) this.#header = `Bearer ${auth.registryToken}`;
  }

  headers(): Record<string, string> {
    return this.#header === undefined ? {} : { authorization: this.#header };
  }

  /**
   * Answers a 401 to a request that was sent with `used`. Throws where there is nothing to answer with; false if the
   * answer would be what was refused.
   */
  async answer(response: ExchangeResponse, used: string | undefined, signal?: AbortSignal): Promise<boolean> {
    // Requests that run side by side are refused together, and one answer does for all.
    if (this.#header !== used) return true;
    this.#answering ??= this.#renew(response, signal).finally(() => (this.#answering = undefined));
    await this.#answering;
    return this.#header !== used;
  }

  async #renew(response: ExchangeResponse, signal?: AbortSignal): Promise<void> {
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer) this.#header = `Bearer ${await this.#token(response, bearer, signal)}`;
    else if (challenges.some((challenge) => challenge.scheme === 'basic')) this.#header = this.#basic();
  }

  #basic(): string {
    if (!this.#auth || this.#auth.username === '') throw new NoCredentialsError();
    return `Basic ${Buffer.from(`${this.#auth.username}:${this.#auth.password}`).toString('base64')}`;
  }

  async #token(refused: ExchangeResponse, { parameters }: Challenge, signal?: AbortSignal): Promise<string> {
    const { realm = '', service = '' } = parameters;
    if (!URL.canParse(realm)) throw systemError(`the registry names no usable token server: ${JSON.stringify(realm)}`);
    const url = redirectTarget(realm, refused.url);
    const scopes = [...new Set([this.#scope, parameters['scope'] ?? ''])].filter((scope) => scope !== '');
    const auth = this.#auth;
    const response = auth?.identityToken
      ? await this.#postForToken(url, service, scopes, auth.identityToken, signal)
      : await this.#getToken(url, service, scopes, signal);
    if (response.status !== 200) throw await registryError(response);
    const json = parseJsonObject(await readBody(response, 1024 * 1024), 'the answer of the authorization server');
    const token = json['token'] ?? json['access_token'];
    if (typeof token !== 'string' || token === '')
      throw systemError('authorization server did not include a token in the response');
    return token;
  }

  async #getToken(
    url: URL,
    service: string,
    scopes: readonly string[],
    signal?: AbortSignal,
  ): Promise<ExchangeResponse> {
    if (service !== '') url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const { username = '' } = this.#auth ?? {};
    if (username !== '') url.searchParams.set('account', username);
    const headers: Record<string, string> = username === '' ? {} : { authorization: this.#basic() };
    return await this.#transport.exchange({ method: 'GET', url, headers, ...(signal ? { signal } : {}) });
  }

  async #postForToken(
    url: URL,
    service: string,
    scopes: readonly string[],
    refreshToken: string,
    signal?: AbortSignal,
  ): Promise<ExchangeResponse> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      service,
      client_id: 'causeway',
      scope: scopes.join(' '),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return await this.#transport.exchange({
      method: 'POST',
      url,
      headers,
      body: Buffer.from(form.toString()),
      ...(signal ? { signal } : {}),
    });
  }
}
