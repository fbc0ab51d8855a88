/** The life of a network, with a container that joins and leaves it while it runs. */
import type { Scenario } from '../scenario.ts';

export const networkLife: Scenario = {
  rows: ['network-create', 'network-connect', 'network-disconnect', 'network-rm'],
  runs: 9,
  quickRuns: 3,
  warmUp: true,
  // On a user network: podman cannot connect containers of its default one.
  async prepare(engine) {
    await engine.ok('network', 'create', 'bench-home');
    await engine.ok('run', '-d', '--name', 'bench-guest', '--network', 'bench-home', 'busybox', 'sleep', '100000');
  },
  async measure(engine) {
    const create = await engine.timed('network', 'create', 'bench-net');
    const connect = await engine.timed('network', 'connect', 'bench-net', 'bench-guest');
    const disconnect = await engine.timed('network', 'disconnect', 'bench-net', 'bench-guest');
    const remove = await engine.timed('network', 'rm', 'bench-net');
    return { 'network-create': create, 'network-connect': connect, 'network-disconnect': disconnect, 'network-rm': remove };
  },
  async finish(engine) {
    await engine.remove('bench-guest');
    await engine.docker('network', 'rm', 'bench-net', 'bench-home');
  },
};
