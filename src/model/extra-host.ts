import { invalid } from '../base/errors.ts';
import { ipVersion } from './addresses.ts';

export interface ExtraHost {
  readonly name: string;
  /** An IP address without brackets, or 'host-gateway': the addresses of the host as its containers see it. */
  readonly address: string;
}

/** --add-host: 'name:ip' or 'name=ip'; an IPv6 address may be in brackets. @throws invalid in Docker's words */
export function parseExtraHost(text: string): ExtraHost {
  const match = /^([^:=\s\p{Cc}]+)[:=]([^\s\p{Cc}]+)$/u.exec(text);
  if (!match) throw invalid(`bad format for add-host: ${JSON.stringify(text)}`);
  const [, name, value] = match as unknown as [string, string, string];
  if (value === 'host-gateway') return { name, address: value };
  const address = value.replace(/^\[(.+)\]$/, '$1');
  if (ipVersion(address) === 0) throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return { name, address };
}
