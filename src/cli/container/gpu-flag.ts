/** --gpus all, --gpus 2, --gpus '"device=0,1",capabilities=utility' */
import type { DeviceRequestBody } from '../../wire/container-create.ts';
import type { FlagType } from '../command/flag-types.ts';
import { splitCsv } from '../format/csv.ts';
import { cut } from './flag-checks.ts';

function parseGpus(text: string): DeviceRequestBody {
  if (text === '') throw new Error('EOF');
  const given = new Map<string, string>();
  for (const field of splitCsv(text)) {
    const [word, value] = cut(field, '=');
    // A field that is no pair is a count.
    if (given.has(word)) throw new Error(`gpu request key '${word}' can be specified only once`);
    if (value !== undefined && !KEYS.includes(word)) throw new Error(`unexpected key '${word}' in '${field}'`);
    given.set(value === undefined ? 'count' : word, value ?? word);
  }
  const count = given.get('count');
  const device = given.get('device');
  const capabilities = given.get('capabilities');
  const options = given.get('options');
  return {
    Driver: given.get('driver') ?? '',
    Count: count === undefined ? (device === undefined ? 1 : 0) : parseCount(count),
    DeviceIDs: device === undefined ? null : device.split(','),
    Capabilities: [capabilities === undefined ? ['gpu'] : [...capabilities.split(','), 'gpu']],
    Options: Object.fromEntries((options === undefined ? [] : splitCsv(options)).map(pairOf)),
  };
}

const KEYS = ['driver', 'count', 'device', 'capabilities', 'options'];

const pairOf = (text: string): [string, string] => {
  const [key, value = ''] = cut(text, '=');
  return [key, value];
};

function parseCount(text: string): number {
  if (text === 'all') return -1;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  return Number(text);
}

export const gpuType: FlagType = {
  label: 'gpu-request',
  zero: [],
  set: (raw, before) => [...((before as DeviceRequestBody[] | undefined) ?? []), parseGpus(raw)],
};
