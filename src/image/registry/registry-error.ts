/** The message of a registry that refuses, as Docker shows it: 'manifest unknown: manifest unknown'. */
import { parseJsonText } from '../../base/json-text.ts';
import { readBounded } from '../../base/bounded-read.ts';
import { CausewayError, errorCode, type ErrorKind } from '../../base/errors.ts';
import { parseChallenges } from './challenges.ts';
import type { ExchangeResponse } from './transport.ts';

export class RegistryError extends CausewayError {
  /** The registry's own code ('MANIFEST_UNKNOWN'); '' where it gave none. */
  readonly code: string;
  readonly status: number;

  constructor(kind: ErrorKind, message: string, code: string, status: number) {
    super(kind, message);
    this.name = 'RegistryError';
    this.code = code;
    this.status = status;
  }
}

const MAX_BODY_BYTES = 64 * 1024;

/** Reads the refusal out of a response and makes an error of it. */
export async function registryError(response: ExchangeResponse): Promise<RegistryError> {
  const { status } = response;
  const kind: ErrorKind =
    status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : status === 404 ? 'notFound' : 'system';
  const text = (await readBody(response, MAX_BODY_BYTES)).toString();
  // A token that is good and not good enough says so in the header; the body then only speaks of authentication.
  const refusal = parseChallenges(response.headers['www-authenticate']).find(
    ({ parameters }) => parameters['error'] !== undefined,
  )?.parameters;
  const [first] =
    refusal?.['error'] === 'insufficient_scope' ? [describeDenial(refusal['error_description'])] : parseErrors(text);
  if (first)
    return new RegistryError(
      kind,
      `${first.code.toLowerCase().replaceAll('_', ' ')}: ${first.message}`,
      first.code,
      status,
    );
  if (status === 401) return new RegistryError(kind, 'unauthorized: authentication required', 'UNAUTHORIZED', status);
  if (status === 403)
    return new RegistryError(kind, 'denied: requested access to the resource is denied', 'DENIED', status);
  if (status === 429) return new RegistryError(kind, 'toomanyrequests: too many requests', 'TOOMANYREQUESTS', status);
  return new RegistryError(kind, `received unexpected HTTP status: ${status} ${response.statusText}`, '', status);
}

function describeDenial(description = 'requested access to the resource is denied') {
  return { code: 'DENIED', message: description };
}

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

function parseErrors(body: string): { code: string; message: string }[] {
  let json: unknown;
  try {
    json = parseJsonText(body);
  } catch {
    return [];
  }
  if (typeof json !== 'object' || json === null) return [];
  const { errors, details } = json as { errors?: unknown; details?: unknown };
  if (Array.isArray(errors)) {
    return errors.map((item: { code?: unknown; message?: unknown }) => ({
      code: text(item?.code, 'UNKNOWN'),
      message: text(item?.message, text(item?.code, 'unknown error')),
    }));
  }
  // Docker Hub's token server has a form of its own.
  return typeof details === 'string' ? [{ code: 'UNAUTHORIZED', message: details }] : [];
}

/** A registry's JSON answer; `what` names it where it is not JSON. */
export function parseJsonObject(content: Buffer, what: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = parseJsonText(content.toString());
  } catch (error) {
    throw new CausewayError('system', `${what} is no JSON`, { cause: error });
  }
  if (typeof json !== 'object' || json === null) throw new CausewayError('system', `${what} is no JSON object`);
  return json as Record<string, unknown>;
}

/** A whole body, up to a limit; what is longer is an error. */
export async function readBody(response: ExchangeResponse, maxBytes: number): Promise<Buffer> {
  const body = await readBounded(response.body, maxBytes).catch((error: unknown) => {
    throw brokenOff(error);
  });
  if (body !== undefined) return body;
  response.body.destroy();
  throw new CausewayError(
    'system',
    `the answer of ${response.url.host} to ${response.url.pathname} is longer than ${maxBytes} bytes: it is refused`,
  );
}

/** What a body that ended before its end is told with: Node says 'aborted'. Other errors stay as they are. */
export function brokenOff(error: unknown): unknown {
  return errorCode(error) === 'ECONNRESET' ? new CausewayError('system', 'unexpected EOF', { cause: error }) : error;
}
