import { parseJsonText } from '../base/json-text.ts';
import { authSchema } from '../wire/system.ts';
import { checkValue } from '../wire/parse-body.ts';
import type { RegistryAuth } from '../model/registry.ts';

/** The X-Registry-Auth header; null where there is none. One that cannot be read counts as none, as Docker has it. */
export function readRegistryAuth(header: string | string[] | undefined): RegistryAuth | null {
  if (typeof header !== 'string' || header === '') return null;
  try {
    const auth = checkValue(authSchema, 'AuthConfig', parseJsonText(Buffer.from(header, 'base64url').toString()));
    const [user = '', ...rest] = Buffer.from(auth.auth, 'base64').toString().split(':');
    const read: RegistryAuth = {
      username: auth.username || user,
      password: auth.password || rest.join(':'),
      identityToken: auth.identitytoken,
      registryToken: auth.registrytoken,
      serverAddress: auth.serveraddress,
    };
    const empty =
      read.username === '' && read.password === '' && read.identityToken === '' && read.registryToken === '';
    return empty ? null : read;
  } catch {
    return null;
  }
}
