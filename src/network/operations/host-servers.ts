/**
 * The host's name servers change (a new lease, a VPN): the resolver asks the new ones from then on, and files that name
 * the old ones are rewritten, except those that the user changed. The host's files are looked at every now and then, as
 * programs that change them often replace them by another file, which a watch would lose.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import type { NetworkCore } from './core.ts';
import type { FileRefresh } from './refresh-files.ts';
import type { ResolverFeed } from './resolver-feed.ts';

const INTERVAL_MS = 1_000;

export interface HostServerNeeds extends Pick<NetworkCore, 'config' | 'log' | 'rows' | 'table'> {
  readonly feed: Pick<ResolverFeed, 'hostServers' | 'tell' | 'views'>;
  readonly files: Pick<FileRefresh, 'others'>;
}

export function followHostServers(needs: HostServerNeeds): { close(): void } {
  const { config, feed, log } = needs;
  const read = () => JSON.stringify(feed.hostServers()());
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
    follow(needs).then(
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

async function follow(needs: HostServerNeeds): Promise<void> {
  const { feed, files, rows, table } = needs;
  const ids = table.sandboxes().map((record) => record.sandbox.containerId);
  await files.others(ids);
  await Promise.all([feed.tell(feed.views(table.sandboxes())), rows.commit(ids)]);
}
