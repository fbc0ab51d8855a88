/** How a call of gRPC ends: a number and a sentence, in the trailers. */
import { CausewayError, errorKind, type ErrorKind } from '../errors.ts';

export const OK = 0;
export const CANCELLED = 1;
export const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
export const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
export const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** More of an error, for programs: google.protobuf.Any, as it is. */
export interface ErrorDetail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

/** A call ends, or was ended by the other side, with this. */
export class GrpcError extends CausewayError {
  readonly code: string;
  readonly status: number;
  readonly details: readonly ErrorDetail[];

  constructor(status: number, sentence: string, details: readonly ErrorDetail[] = []) {
    super(KINDS[status] ?? 'system', sentence);
    this.status = status;
    this.code = `grpc-${status}`;
    this.details = details;
  }
}

const KINDS: Readonly<Record<number, ErrorKind>> = {
  [CANCELLED]: 'invalid',
  [UNKNOWN]: 'invalid',
  [INVALID_ARGUMENT]: 'invalid',
  [NOT_FOUND]: 'notFound',
  [PERMISSION_DENIED]: 'forbidden',
  [UNAUTHENTICATED]: 'unauthorized',
  [UNIMPLEMENTED]: 'notImplemented',
  [UNAVAILABLE]: 'unavailable',
};

/** What went wrong in a build is 'unknown' for BuildKit's clients, which print the sentence and nothing of the number. */
export function statusOf(error: unknown): number {
  if (error instanceof GrpcError) return error.status;
  const kind = errorKind(error);
  if (kind === 'notImplemented') return UNIMPLEMENTED;
  return UNKNOWN;
}

/** As the specification has it: what is not plain ASCII is escaped. */
export function encodeSentence(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

/** What is no escape stays as it is. */
export function decodeSentence(text: string): string {
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
