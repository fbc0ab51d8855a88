import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { silentLog, type Log } from '../base/log.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { daemonConfig } from './daemon-config.ts';
import { LiveConfig } from './live-config.ts';
import { readDaemonOptions } from './options/read.ts';
import { DAEMON_OPTIONS } from './options/table.ts';
import { reload } from './reload.ts';

const directory = mkdtempSync(join(tmpdir(), 'cwt-reload-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, 'daemon.json');
const argv = ['--config-file', file, '--bip', '10.0.0.1/24'];

const lines: { message: string; changed?: string[] }[] = [];
const events: Readonly<Record<string, string>>[] = [];
let failing: Error | undefined;
const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
const log: Log = { ...silentLog, info: note, warn: note, error: note };

beforeEach(() => {
  lines.length = 0;
  events.length = 0;
  failing = undefined;
});

function start(content: object): { live: LiveConfig; become: (next: object | string) => void } {
  write(content);
  const live = new LiveConfig(daemonConfig(readDaemonOptions(argv)));
  return {
    live,
    become(next) {
      write(next);
      reload({
        live,
        argv,
        log,
        addRuntimes: () => {
          if (failing) throw failing;
        },
        defaultRuntime: () => live.current.defaultRuntime || 'crun',
        publish: (attributes) => events.push(attributes),
      });
    },
  };
}

const write = (content: object | string): void =>
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));

/** A value of each option that a reload changes, and where the event shows it. */
const SAMPLES: Readonly<Record<string, { value: unknown; shown?: [string, string] }>> = {
  debug: { value: true, shown: ['debug', 'true'] },
  labels: { value: ['a=b'], shown: ['labels', '["a=b"]'] },
  'live-restore': { value: false, shown: ['live-restore', 'false'] },
  'shutdown-timeout': { value: 99, shown: ['shutdown-timeout', '99'] },
  'network-diagnostic-port': { value: 2000 },
  runtimes: { value: { mine: { path: '/bin/true' } }, shown: ['runtimes', 'mine:/bin/true'] },
  'default-runtime': { value: 'sh', shown: ['default-runtime', 'sh'] },
  'default-cgroupns-mode': { value: 'host', shown: ['default-cgroupns-mode', 'host'] },
  'default-ipc-mode': { value: 'shareable', shown: ['default-ipc-mode', 'shareable'] },
  'default-shm-size': { value: '1m', shown: ['default-shm-size', '1048576'] },
  'registry-mirrors': { value: ['https://m'], shown: ['registry-mirrors', '["https://m/"]'] },
  'insecure-registries': { value: ['r:5000'], shown: ['insecure-registries', '["r:5000"]'] },
  'max-concurrent-downloads': { value: 7, shown: ['max-concurrent-downloads', '7'] },
  'max-concurrent-uploads': { value: 8, shown: ['max-concurrent-uploads', '8'] },
  'max-download-attempts': { value: 9, shown: ['max-download-attempts', '9'] },
  features: { value: { a: true, b: false }, shown: ['features', 'map[a:true b:false]'] },
};

for (const { key } of DAEMON_OPTIONS.filter(({ reloads }) => reloads)) {
  test(`a reload changes ${key} at once, tells it, and takes it back`, () => {
    const sample = SAMPLES[key];
    assert.ok(sample, 'each option that is reloaded has a sample');
    const base = key === 'default-runtime' ? { runtimes: { sh: { path: '/bin/sh' } } } : {};
    const { live, become } = start(base);
    const before = JSON.stringify(live.current);
    become({ ...base, [key]: sample.value });
    assert.notEqual(JSON.stringify(live.current), before);
    assert.equal(events.length, 1);
    if (sample.shown) assert.equal(events[0]![sample.shown[0]], sample.shown[1]);
    assert.ok(!lines.some(({ message }) => message.includes('started again')), JSON.stringify(lines));
    const told = lines.find(({ message }) => message === 'Reloaded configuration');
    if (sample.shown) assert.deepEqual(told?.changed, [key]);
    become(base);
    assert.equal(JSON.stringify(live.current), before);
  });
}

test('what counts only after a restart is named, and stays as it is', () => {
  const { live, become } = start({ mtu: 1400 });
  become({ mtu: 1300, dns: ['10.0.0.2'], labels: ['a=b'] });
  assert.deepEqual([live.current.mtu, live.current.dns, live.current.labels], [1400, [], ['a=b']]);
  const changed = Object.fromEntries(lines.map(({ message, changed: names }) => [message, names]));
  assert.deepEqual(changed['Reloaded configuration'], ['labels']);
  assert.deepEqual(changed['these changes count when the daemon is started again'], ['dns', 'mtu']);
});

test('changes are told by the keys that the user has written', () => {
  const { become } = start({ debug: true, tlsverify: false });
  become({
    'log-level': 'warn',
    'log-opts': { 'max-size': '1m' },
    'default-ulimits': { nofile: { Name: 'nofile', Hard: 9, Soft: 9 } },
    'host-gateway-ips': ['10.0.0.9'],
    'firewall-integration': false,
    proxies: { 'http-proxy': 'http://p' },
    tlscacert: '/ca',
  });
  const told = Object.fromEntries(lines.map(({ message, changed }) => [message, changed]));
  assert.deepEqual(told['Reloaded configuration'], ['log-level']);
  assert.deepEqual(told['these changes count when the daemon is started again'], [
    'default-ulimits',
    'firewall-integration',
    'host-gateway-ips',
    'log-opts',
    'proxies',
    'tlscacert',
  ]);
});

test('each field of the configuration comes from keys that a file can have', () => {
  const keys = [...DAEMON_OPTIONS.map(({ key }) => key), 'proxies'];
  for (const [field, from] of Object.entries(CONFIG_KEYS))
    for (const key of from) assert.ok(keys.includes(key), `${field}: ${key}`);
});

test('a file that cannot be used leaves the old configuration, and tells nobody', () => {
  const { live, become } = start({ labels: ['a=b'] });
  const before = live.current;
  for (const bad of [
    '{bad',
    { labels: ['a=b', 'a=c'] },
    { nope: 1 },
    { bip: '10.0.0.1/24' },
    { 'default-runtime': 'not-there' },
    { 'userns-remap': 'default' },
    { labels: ['x=y'], mtu: 5 },
  ]) {
    become(bad);
    assert.equal(live.current, before, JSON.stringify(bad));
  }
  failing = new Error('no room');
  become({ labels: ['x=y'], runtimes: { mine: { path: '/bin/true' } } });
  assert.equal(live.current, before);
  rmSync(file);
  const { message } = lines.at(-1)!;
  assert.equal(message, 'Error reloading configuration: nothing has changed');
  assert.deepEqual(events, []);
});

test('a note of what has no effect is logged when it is new', () => {
  const { become } = start({ 'raw-logs': true });
  become({ 'raw-logs': true, containerd: '/run/x.sock' });
  const notes = lines.map(({ message }) => message).filter((message) => message.includes('has no effect'));
  assert.deepEqual(
    notes.map((one) => one.split(' ')[0]),
    ['"containerd"'],
  );
});

test('parts that follow the configuration find what it is then', () => {
  const { live, become } = start({});
  const registries = live.registries();
  const logging = live.logging({ atTerminal: false });
  assert.deepEqual([registries.mirrors, logging.level], [[], 'info']);
  become({ 'registry-mirrors': ['https://m'], debug: true });
  assert.deepEqual([registries.mirrors, logging.level], [['https://m/'], 'debug']);
  assert.deepEqual({ ...registries }.mirrors, ['https://m/'], 'its fields can be listed');
});
