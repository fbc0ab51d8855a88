/**
 * Filters of cache records as BuildKit's clients write them: 'type==regular,inuse'. All conditions of a filter hold, and one
 * of several filters is enough.
 */
import { invalid, notImplemented } from '../../base/errors.ts';
import type { BuildCacheRecord } from '../../model/build-cache.ts';

type Accepts = (record: BuildCacheRecord) => boolean;

const VALUES: Readonly<Record<string, (record: BuildCacheRecord) => readonly string[]>> = {
  id: ({ id }) => [id],
  parents: ({ parents }) => parents,
  description: ({ description }) => [description],
  type: ({ kind }) => [kind],
};

const FLAGS: Readonly<Record<string, Accepts>> = {
  inuse: ({ inUse }) => inUse,
  shared: ({ shared }) => shared,
  private: ({ shared }) => !shared,
  mutable: ({ kind }) => kind !== 'regular',
  immutable: ({ kind }) => kind === 'regular',
};

/** @throws invalid for what is no filter; notImplemented for one that is not read here */
export function readUsageFilters(filters: readonly string[]): Accepts {
  const accepts = filters.filter((filter) => filter.trim() !== '').map(readFilter);
  return (record) => accepts.length === 0 || accepts.some((accept) => accept(record));
}

function readFilter(filter: string): Accepts {
  const conditions = filter.split(',').map(readCondition);
  return (record) => conditions.every((holds) => holds(record));
}

function readCondition(text: string): Accepts {
  const [, name = '', operator = '', quoted = ''] = /^\s*([a-z]+)\s*(==|!=|~=)?\s*(.*?)\s*$/.exec(text) ?? [];
  const flag = FLAGS[name];
  if (flag && operator === '' && quoted === '') return flag;
  const values = VALUES[name];
  if (!values || operator === '') throw invalid(`filters: parse error: ${JSON.stringify(text)}`);
  if (operator === '~=') throw notImplemented(`filters: ${JSON.stringify(text)}: patterns are not matched here`);
  const value = quoted.replace(/^"(.*)"$/, '$1');
  return (record) => values(record).includes(value) === (operator === '==');
}
