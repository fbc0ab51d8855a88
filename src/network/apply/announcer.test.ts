import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { Announcer, type Announcement } from './announcer.ts';

test('an address is announced as often as asked, and not at all where that is never', async () => {
  const awake = setInterval(() => {}, 1_000); // the announcer keeps no process alive
  const sent: string[] = [];
  let told: () => void = () => {};
  const announcer = new Announcer(silentLog, async ({ address }) => {
    sent.push(address);
    told();
  });
  const all = { networkId: 'net', netns: '/x', link: 'eth0', mac: '02:00:00:00:00:01', everyMs: 1 };
  const announce = (one: Pick<Announcement, 'address' | 'times'>) => announcer.announce({ ...all, ...one });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      told = () => void (sent.length >= count && resolve());
    });
  const first = until(4);
  announce({ address: '10.0.0.9', times: 0 });
  announce({ address: '10.0.0.1', times: 3 });
  announce({ address: '10.0.0.2', times: 1 });
  await first;
  const last = until(5);
  announce({ address: '10.0.0.3', times: 1 });
  await last;
  announcer.close();
  clearInterval(awake);
  assert.deepEqual(sent.toSorted(), ['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3']);
});

test('what is repeated goes out when its time has come, and not in a batch with what comes later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let at = 0;
  const sent: number[] = [];
  const announcer = new Announcer(silentLog, async () => void sent.push(at));
  const pass = async (untilMs: number): Promise<void> => {
    while (at < untilMs) {
      at++;
      t.mock.timers.tick(1);
      await new Promise(setImmediate);
    }
  };
  const all = { networkId: 'net', netns: '/x', link: 'eth0', mac: '02:00:00:00:00:01', everyMs: 1000 };
  announcer.announce({ ...all, address: '10.0.0.1', times: 3 });
  await pass(4000);
  announcer.close();
  const [first, ...later] = sent;
  assert.deepEqual(later, [first! + 1000, first! + 2000]);
});

test('an announcement that must go out at once and cannot does not fail what it belongs to, and is repeated', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent: string[] = [];
  const refuse = (): never => {
    throw new Error('ENOBUFS');
  };
  const announcer = new Announcer(silentLog, async ({ mac }) => void sent.push(mac), refuse);
  const all = { networkId: 'net', netns: '/x', link: 'eth0', address: '10.0.0.1', times: 2, everyMs: 1000 };
  announcer.note('net', '10.0.0.1', '02:00:00:00:00:01');
  announcer.announce({ ...all, mac: '02:00:00:00:00:02' });
  t.mock.timers.tick(1000);
  await new Promise(setImmediate);
  announcer.close();
  assert.deepEqual(sent, ['02:00:00:00:00:02']);
});
