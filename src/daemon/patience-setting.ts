/**
 * How long the daemon waits for what is not its own. The values are in oci/patience.ts and here;
 * CAUSEWAY_PATIENCE="runtimeMs=3000,graceMs=200" changes some of them: for tests, which have no minutes to wait. No
 * promise to users.
 */
import { invalid } from '../base/errors.ts';
import { PATIENCE, type Patience } from '../oci/patience.ts';

export interface DaemonPatience extends Patience {
  /** For the resolver to answer the control socket. */
  readonly resolverMs: number;
}

const DEFAULTS: DaemonPatience = { ...PATIENCE, resolverMs: 5_000 };

export function patienceSetting(text = ''): DaemonPatience {
  const patience: Record<string, number> = { ...DEFAULTS };
  for (const part of text.split(',').filter((item) => item !== '')) {
    const [name = '', value] = part.split('=');
    const ms = Number(value);
    if (!Object.hasOwn(DEFAULTS, name) || !(ms > 0))
      throw invalid(
        `CAUSEWAY_PATIENCE: "${part}" is none of ${Object.keys(DEFAULTS)
          .map((known) => `${known}=MILLISECONDS`)
          .join(', ')}`,
      );
    patience[name] = ms;
  }
  return patience as unknown as DaemonPatience;
}
