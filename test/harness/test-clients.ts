/** Clients that scripts/test-clients.sh unpacked beside the system. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './test-engine.ts';

export const CLIENTS = process.env['CAUSEWAY_TEST_CLIENTS'] ?? join(PROJECT, '.cache/clients');

/** Each by its program or its folder. */
export const TEST_CLIENTS = {
  docker: join(CLIENTS, 'docker/usr/bin/docker'),
  compose: join(CLIENTS, 'docker/usr/libexec/docker/cli-plugins/docker-compose'),
  buildx: join(CLIENTS, 'buildx/usr/libexec/docker/cli-plugins/docker-buildx'),
  buildx13: join(CLIENTS, 'buildx-0.13/usr/libexec/docker/cli-plugins/docker-buildx'),
  prometheus: join(CLIENTS, 'prometheus/usr/bin/prometheus'),
  /** The folder that holds `ansible_collections`. */
  ansible: join(CLIENTS, 'ansible/usr/lib/python3/dist-packages'),
} as const;

/** The reason to skip tests with a client; false where it is there. */
export function missingClient(name: keyof typeof TEST_CLIENTS): string | false {
  return !existsSync(TEST_CLIENTS[name]) && `${name} is not in ${CLIENTS} (scripts/test-clients.sh says why)`;
}
