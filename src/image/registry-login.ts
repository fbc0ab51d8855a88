/** `docker login`: whether a registry takes a name and password. */
import { invalid, systemError, unauthorized } from '../base/errors.ts';
import { redactedUrl } from '../base/redacted-url.ts';
import { RegistryClient } from './registry/registry-client.ts';
import type { RegistryOptions } from './registry/registry-options.ts';
import { RegistryError } from './registry/registry-error.ts';
import type { RegistryAuth } from '../model/registry.ts';

/** Throws `unauthorized` if the registry does not. */
export async function checkLogin(
  login: { username: string; password: string; serverAddress: string },
  options: RegistryOptions,
): Promise<{ status: string; identityToken: string }> {
  const domain = registryDomain(login.serverAddress);
  const auth: RegistryAuth = { ...login, identityToken: '', registryToken: '' };
  const client = await RegistryClient.connect({ domain, path: '' }, { auth, actions: '' }, options);
  try {
    const response = await client.send({ method: 'GET', url: client.base });
    response.body.resume();
    if (response.status === 200) return { status: 'Login Succeeded', identityToken: '' };
    const answer = `login attempt to ${redactedUrl(client.base)} failed with status: ${response.status} ${response.statusText}`;
    throw response.status === 401 ? unauthorized(answer) : systemError(answer);
  } catch (error) {
    if (error instanceof RegistryError && error.status === 401)
      throw unauthorized(`Get ${JSON.stringify(redactedUrl(client.base))}: ${error.message}`, error);
    throw error;
  } finally {
    client.close();
  }
}

/** 'https://index.docker.io/v1/' and 'localhost:5000' as the domain that references of that registry have. */
function registryDomain(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (host !== '' && !URL.canParse(`https://${host}/v2/`))
    throw invalid('invalid registry address: it is no host with or without a port');
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}
