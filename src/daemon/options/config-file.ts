/** Reads the configuration file: bounded, decoded by its byte order mark, one JSON object. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errorCode, errorMessage, invalid } from '../../base/errors.ts';
import { parseJsonText } from '../../base/json-text.ts';
import { readUpTo } from '../../kernel/host-file.ts';

const MAX_BYTES = 1024 * 1024;

/**
 * The object in the file; `{}` for an empty file, and for none where `required` is false. @throws invalid: it cannot be
 * read, is too large, or no JSON object
 */
export function readConfigFile(path: string, required: boolean): Readonly<Record<string, unknown>> {
  const fail = (reason: string, cause?: unknown): never => {
    throw invalid(`unable to configure the daemon with file ${path}: ${reason}`, cause);
  };
  let content: Buffer;
  try {
    content = readWhole(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !required) return {};
    return fail(errorMessage(error), error);
  }
  let value: unknown;
  try {
    const text = decode(content).trim();
    value = text === '' ? {} : parseJsonText(text);
  } catch (error) {
    return fail(`invalid JSON: ${errorMessage(error)}`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('invalid JSON: expected an object, like {"debug": true}');
  return value as Record<string, unknown>;
}

/** A pipe without a writer must not hold the daemon at a reload: nothing is waited for. */
function readWhole(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isCharacterDevice()) throw invalid('it is no regular file');
    const content = readUpTo(fd, MAX_BYTES);
    if (content.length > MAX_BYTES) throw invalid(`it is larger than ${MAX_BYTES} bytes`);
    return content;
  } finally {
    closeSync(fd);
  }
}

/** As dockerd: UTF-8, or UTF-16 where the byte order mark says so. */
function decode(content: Buffer): string {
  const mark = content.subarray(0, 2).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(content);
  } catch (error) {
    throw new Error(`it is not ${encoding === 'utf-8' ? 'UTF-8' : 'UTF-16'} text`, { cause: error });
  }
}
