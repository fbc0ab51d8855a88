/**
 * The host's name servers change (a new lease, a VPN): the resolver asks the new ones from then on, and files that name
 * the old ones are rewritten, except those that the user changed. The host's files are looked at every now and then, as
 * programs that change them often replace them by another file, which a watch would lose.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import { currentRecords, viewChange } from './change.ts';
import type { NetworkCore } from './core.ts';
import { readReachableResolvConf, readResolvConf } from '../host/host-facts.ts';
import { refreshOthers } from './refresh-files.ts';

const INTERVAL_MS = 1_000;

export function followHostServers(core: NetworkCore): { close(): void } {
  const { config, log } = core;
  const read = () => JSON.stringify([readResolvConf(config.hostResolvConf), readReachableResolvConf(config)]);
  let last = read();
  const look = (): void => {
    let now: string;
    try {
      now = read();
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'name servers of the host cannot be read just now');
      return;
    }
    if (now === last) return;
    last = now;
    follow(core).then(
      () => log.info({ path: config.hostResolvConf }, 'name servers of the host changed'),
      (error: unknown) =>
        log.warn({ error: errorMessage(error) }, 'name servers of the host changed, and not everybody was told'),
    );
  };
  const paths = [config.hostResolvConf, config.stubResolvConf];
  for (const path of paths) watchFile(path, { persistent: false, interval: INTERVAL_MS }, look);
  return {
    close: () => {
      for (const path of paths) unwatchFile(path, look);
    },
  };
}

async function follow(core: NetworkCore): Promise<void> {
  const { table, resolver, store } = core;
  const ids = table.sandboxes().map((record) => record.sandbox.containerId);
  await refreshOthers(core, ids);
  const changes = table
    .sandboxes()
    .filter((record) => record.resolverPort > 0)
    .map((record) => viewChange(core, record));
  await Promise.all([
    changes.length > 0 ? resolver.apply(changes) : undefined,
    store.commit({ putSandboxes: currentRecords(core, ids) }),
  ]);
}
