/** Why another server could not be asked, in the words of Go's client, which Docker shows. */
import { CausewayError, systemError } from './errors.ts';
import { redactedUrl } from './redacted-url.ts';

interface NodeNetworkError extends Error {
  code?: string;
  syscall?: string;
  address?: string;
  port?: number;
  hostname?: string;
  errors?: NodeNetworkError[];
}

/** A failure in Go's words: 'Get "https://x/v2/": dial tcp 127.0.0.1:5000: connect: connection refused'. */
export function networkFailure(method: string, url: URL, error: Error): CausewayError {
  if (error instanceof CausewayError) return error;
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  return systemError(`${verb} ${JSON.stringify(redactedUrl(url))}: ${reason(error)}`, error);
}

function reason(error: NodeNetworkError): string {
  const first = error.errors?.[0] ?? error;
  const at =
    first.address === undefined
      ? ''
      : ` ${first.address.includes(':') ? `[${first.address}]` : first.address}:${first.port}`;
  switch (first.code) {
    case 'ECONNREFUSED':
      return `dial tcp${at}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp${at}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp${at}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp${at}: i/o timeout`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${first.hostname ?? ''}: ${first.code === 'ENOTFOUND' ? 'no such host' : 'Temporary failure in name resolution'}`;
    case 'ECONNRESET':
      return first.message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
    case 'EPROTO':
      return /wrong version number|packet length too long|http request/i.test(first.message)
        ? 'http: server gave HTTP response to HTTPS client'
        : first.message;
    case 'ABORT_ERR':
      return 'context canceled';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${first.message}`;
    default:
      return first.message;
  }
}
