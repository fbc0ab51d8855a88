/** Rules as `iptables -S` prints them, to be evaluated. */
import {
  matchesAddress,
  matchesInterface,
  meets,
  type FilterRule,
  type Known,
  type ProbePacket,
  type Verdict,
} from './filter-model.ts';

interface Condition {
  readonly negated: boolean;
  readonly option: string;
  readonly values: readonly string[];
}

export function iptablesRule(tokens: readonly string[], chains: ReadonlySet<string>): FilterRule {
  const { conditions, verdict } = parse(tokens, chains);
  const shown = conditions
    .filter(({ option }) => option === '-i' || option === '-o')
    .map(({ negated, option, values }) => `${negated ? '! ' : ''}${option} ${values[0]}`);
  return {
    text: [...shown, verdict?.word ?? ''].join(' ').trim(),
    verdict: (packet) =>
      verdict && conditions.every((condition) => meets(known(condition, packet), condition.negated))
        ? verdict.verdict
        : undefined,
  };
}

function parse(
  tokens: readonly string[],
  chains: ReadonlySet<string>,
): { conditions: Condition[]; verdict: { word: string; verdict: Verdict } | undefined } {
  const conditions: Condition[] = [];
  for (let at = 0; at < tokens.length;) {
    const negated = tokens[at] === '!';
    if (negated) at++;
    const option = tokens[at++] ?? '';
    if (option === '-j' || option === '-g') return { conditions, verdict: verdictOf(option, tokens[at] ?? '', chains) };
    const values: string[] = [];
    while (at < tokens.length && tokens[at] !== '!' && !/^--?[a-zA-Z]/.test(tokens[at]!)) values.push(tokens[at++]!);
    conditions.push({ negated, option, values });
  }
  return { conditions, verdict: undefined };
}

function verdictOf(
  option: string,
  target: string,
  chains: ReadonlySet<string>,
): { word: string; verdict: Verdict } | undefined {
  if (target === 'ACCEPT') return { word: target, verdict: { kind: 'accept' } };
  if (target === 'RETURN') return { word: target, verdict: { kind: 'return' } };
  if (target === 'DROP' || target === 'REJECT') return { word: target.toLowerCase(), verdict: { kind: 'drop' } };
  if (chains.has(target)) return { word: target, verdict: { kind: option === '-g' ? 'goto' : 'jump', target } };
  return undefined; // LOG, MARK and their like
}

function known({ option, values }: Condition, packet: ProbePacket): Known {
  const [value = ''] = values;
  const list = value.split(',');
  switch (option) {
    case '-m':
    case '--comment':
      return true;
    case '-i':
      return matchesInterface(value, packet.iifname);
    case '-o':
      return matchesInterface(value, packet.oifname);
    case '-s':
      return matchesAddress(value, packet.saddr);
    case '-d':
      return matchesAddress(value, packet.daddr);
    case '-p':
      return packet.protocol === 'udp' ? value === 'udp' || value === '17' : value === 'tcp' || value === '6';
    case '--ctstate':
    case '--state':
      return list.includes('NEW') || (list.includes('DNAT') && packet.translated);
    case '--ctstatus':
      return list.includes('DNAT') ? packet.translated : undefined;
    case '--mark': {
      const [wanted = 0, mask = 0xffffffff] = value.split('/').map(Number);
      return (packet.mark & mask) === (wanted | 0);
    }
    default:
      return undefined;
  }
}
