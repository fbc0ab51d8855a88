import { invalid } from '../base/errors.ts';

/** '80', '80-82/udp' as '80/tcp' and so on. @throws invalid in Docker's words */
export function exposedPorts(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > last || last > 65535 || first === 0) throw invalid(`invalid containerPort: ${text}`);
  const protocol = match[3]?.toLowerCase() ?? 'tcp';
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}
