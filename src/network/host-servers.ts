/**
 * The host's name servers change (a new lease, a VPN): running containers ask the new ones from then on. The file is looked at
 * every now and then, as those who change it often put another in its place, which a watch would lose.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { errorMessage } from '../base/errors.ts';
import { viewChange } from './change.ts';
import type { NetworkCore } from './core.ts';
import { readResolvConf } from './host-facts.ts';

const INTERVAL_MS = 2_000;

export function followHostServers(core: NetworkCore): { close(): void } {
  const { config, table, resolver, log } = core;
  const path = config.hostResolvConf;
  let last = JSON.stringify(readResolvConf(path));
  const look = () => {
    const now = JSON.stringify(readResolvConf(path));
    if (now === last) return;
    last = now;
    const changes = table.sandboxes().filter((record) => record.resolverPort > 0).map((record) => viewChange(core, record));
    if (changes.length === 0) return;
    resolver.apply(changes).then(
      () => log.info({ path }, 'name servers of the host changed'),
      (error: unknown) => log.warn({ error: errorMessage(error) }, 'name servers of the host changed, the resolver was not told'),
    );
  };
  watchFile(path, { persistent: false, interval: INTERVAL_MS }, look);
  return { close: () => unwatchFile(path, look) };
}
