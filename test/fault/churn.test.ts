/**
 * Names under churn: 20 containers start, stop, rename and connect at random on three networks and the default bridge,
 * while clients in other containers resolve all names (raw DNS, and through the C library) and read /etc/hosts in a
 * loop, and the daemon is killed and started again five times. Afterwards every single answer is held against what the
 * API's replies say was true at that time: none may be wrong, stale, lost or torn.
 *
 * CAUSEWAY_CHURN_SECONDS (60) and CAUSEWAY_CHURN_SEED (the time) choose how long and what happens.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeMessage, encodeMessage, question } from '../../src/dns/message.ts';
import { openUdpSocket } from '../../src/kernel/socket.ts';
import { testEnvironment } from '../harness/host.ts';
import { sleep, TestEngine, until } from '../harness/test-engine.ts';
import { Api } from './churn/api.ts';
import { Crowd, NETWORKS, now, POOLS, poolOf, seededRandom } from './churn/crowd.ts';
import type { RawConfig, RawReport } from './churn/raw-client.ts';
import { Truth, type Answer, type Question, type Verdict } from './churn/truth.ts';

const SECONDS = Number(process.env['CAUSEWAY_CHURN_SECONDS'] ?? 60);
const SEED = Number(process.env['CAUSEWAY_CHURN_SEED'] ?? Date.now() % 1e9);
const CONTAINERS = 20;
const LINKED = 6;
const KILLS = 5;
const LOOKUPS = Math.round((20_000 * SECONDS) / 60);
const PER_SECOND = 14_000;
const GRACE_MS = 60_000;
const UPSTREAM = '10.99.53.53';
const SUBNETS = { 'net-a': '10.91.1', 'net-b': '10.91.2', 'net-c': '10.91.3' } as const;
const here = dirname(fileURLToPath(import.meta.url));

let engine: TestEngine;
let api: Api;
let upstream: Socket;
/** What containers asked the outside world, with the address that asked. */
const outside: { at: number; name: string; from: string }[] = [];

before(async () => {
  engine = await TestEngine.start({ flags: ['--dns', UPSTREAM] });
  engine.importFixtures();
  engine.host.ok('ip', 'address', 'add', `${UPSTREAM}/32`, 'dev', 'lo');
  upstream = serveNothing();
  api = new Api(engine.socket);
});

after(async () => {
  api?.close();
  upstream?.close();
  await engine?.destroy();
});

/** The outside world: knows no name, and says so. */
function serveNothing(): Socket {
  const socket = createSocket('udp4');
  socket.bind({ fd: openUdpSocket({ netns: engine.host.netns, address: UPSTREAM, port: 53 }) });
  socket.on('message', (bytes, from) => {
    outside.push({
      at: now(),
      name: (decodeMessage(bytes).questions[0]?.name ?? '').toLowerCase(),
      from: from.address,
    });
    const answer = Buffer.from(bytes);
    answer[2] = answer[2]! | 0x80;
    answer[3] = 0x83; // recursion is available; NXDOMAIN
    socket.send(answer, from.port, from.address);
  });
  return socket;
}

interface Reader {
  readonly id: string;
  readonly pid: number;
  readonly address: string;
}

/**
 * A container that asks and is left alone. With Node of this machine in it, read-only, for those that ask through the C
 * library.
 */
async function createReader(
  name: string,
  network: string,
  more: { links?: string[]; endpoint?: object; node?: boolean } = {},
): Promise<Reader> {
  const node = more.node
    ? [...new Set(['/usr', '/lib', '/lib64', '/etc/nsswitch.conf', dirname(dirname(process.execPath))])].filter(
        (path) => existsSync(path),
      )
    : [];
  const binds = [
    ...node.map((path) => `${path}:${path}:ro`),
    `${join(here, 'churn')}:/churn:ro`,
    `${engine.dir}/churn:/out`,
  ];
  const command = more.node ? [process.execPath, '/churn/libc-client.mjs', `/out/${name}.json`] : ['sleep', '1000'];
  const body = {
    Image: 'busybox',
    Cmd: command,
    HostConfig: { NetworkMode: network, Binds: binds, Links: more.links ?? [] },
    NetworkingConfig: { EndpointsConfig: { [network]: more.endpoint ?? {} } },
  };
  const { Id: id } = (await api.ok('POST', `/containers/create?name=${name}`, body)) as { Id: string };
  await api.ok('POST', `/containers/${id}/start`);
  const found = (await api.ok('GET', `/containers/${id}/json`)) as {
    State: { Pid: number };
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  };
  return { id, pid: found.State.Pid, address: found.NetworkSettings.Networks[network]!.IPAddress };
}

/** Out of the way of those that come and go. */
const at = (network: (typeof NETWORKS)[number], host: number): object => ({
  IPAMConfig: { IPv4Address: `${SUBNETS[network]}.${host}` },
});

function questionsOf(network: (typeof NETWORKS)[number], crowd: Crowd): Question[] {
  const list: Question[] = [];
  const add = (kind: Question['kind'], name: string, asked = name) => list.push({ network, kind, name, asked });
  for (const name of crowd.names) {
    add('a', name);
    add('a', name, name.toUpperCase());
    add('a', name, `${name}.${network}`);
    add('aaaa', name);
  }
  for (let pool = 0; pool < POOLS; pool++) for (const kind of ['a', 'aaaa'] as const) add(kind, poolOf(pool));
  for (const { id } of crowd.members) add('a', id.slice(0, 12));
  for (let host = 2; host < 26; host++)
    add(
      'ptr',
      `${SUBNETS[network]}.${host}`,
      `${host}.${SUBNETS[network].split('.').reverse().join('.')}.in-addr.arpa`,
    );
  for (const name of ['nobody', 'nobody.example.com', 'c0.nowhere']) add('unknown', name);
  if (network === 'net-b') list.push({ network, kind: 'a', name: 'c7', asked: 'linked', alias: true }); // of this network's reader
  return list;
}

const TYPES = { a: 1, aaaa: 28, ptr: 12, unknown: 1 };
/** Names are asked more often than what is forwarded, which costs a way out and back. */
const WEIGHTS = { a: 6, aaaa: 2, ptr: 1, unknown: 1 };

function shuffled(questions: readonly Question[], random: () => number): number[] {
  const order = questions.flatMap(({ kind }, index) => Array<number>(WEIGHTS[kind]).fill(index));
  for (let index = order.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}

async function startRawClient(config: RawConfig): Promise<{ go(): Promise<void> }> {
  const path = `${config.out}.config`;
  writeFileSync(path, JSON.stringify(config));
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', join(here, 'churn/raw-client.ts'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: testEnvironment(),
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the client could not start')));
  });
  return {
    async go() {
      child.stdin!.write('go\n');
      assert.equal(await ended, 0);
    },
  };
}

class Tally {
  readonly verdicts: Record<Verdict | 'torn', number> = { right: 0, wrong: 0, stale: 0, undecided: 0, torn: 0 };
  readonly examples: string[] = [];

  add(verdict: Verdict | 'torn', explain: () => string): void {
    this.verdicts[verdict] += 1;
    if (verdict !== 'right' && verdict !== 'undecided' && this.examples.length < 12)
      this.examples.push(`${verdict}: ${explain()}`);
  }
}

test(`names under churn for ${SECONDS} s (seed ${SEED})`, { timeout: SECONDS * 1000 + 240_000 }, async (context) => {
  const random = seededRandom(SEED);
  const dir = join(engine.dir, 'churn');
  mkdirSync(dir);
  for (const network of NETWORKS) {
    const v6 = network === 'net-b';
    const Config = [{ Subnet: `${SUBNETS[network]}.0/24` }, ...(v6 ? [{ Subnet: 'fd00:91:2::/64' }] : [])];
    await api.ok('POST', '/networks/create', { Name: network, EnableIPv6: v6, IPAM: { Config } });
  }
  const crowd = new Crowd(api, LINKED, random);
  await crowd.create(CONTAINERS);
  const stop = join(dir, 'stop');
  const libcNames = {
    libc: [...crowd.names, ...Array.from({ length: POOLS }, (_, pool) => poolOf(pool)), 'nobody'],
    linker: Array.from({ length: LINKED }, (_, index) => `l${index}`),
  };
  for (const [name, names] of Object.entries(libcNames)) {
    writeFileSync(
      join(dir, `${name}.json`),
      JSON.stringify({ names, out: `/out/${name}.out`, stop: '/out/stop', pauseMs: 4 }),
    );
  }
  const readers: Record<(typeof NETWORKS)[number], Reader> = {
    'net-a': await createReader('reader-a', 'net-a', { endpoint: at('net-a', 200) }),
    'net-b': await createReader('reader-b', 'net-b', { endpoint: { ...at('net-b', 200), Links: ['c7:linked'] } }),
    'net-c': await createReader('reader-c', 'net-c', { endpoint: at('net-c', 200) }),
  };
  const links = Array.from({ length: LINKED }, (_, source) => ({ alias: `l${source}`, source }));
  const linker = await createReader('linker', 'bridge', {
    links: links.map(({ alias, source }) => `c${source}:${alias}`),
    node: true,
  });
  const libc = await createReader('libc', 'net-a', { node: true, endpoint: at('net-a', 201) });
  await until('the clients in containers', () =>
    Object.keys(libcNames).every((name) => existsSync(join(dir, `${name}.out.ready`))),
  );

  const questions = NETWORKS.map((network) => questionsOf(network, crowd));
  const raw = await startRawClient({
    views: NETWORKS.map((network, index) => ({
      netns: `/proc/${readers[network].pid}/ns/net`,
      first: questions.slice(0, index).reduce((sum, list) => sum + list.length, 0),
      questions: questions[index]!.map(({ asked, kind }) =>
        encodeMessage(question(0, asked, TYPES[kind])).toString('base64'),
      ),
      order: shuffled(questions[index]!, random),
    })),
    hostsFiles: [`/proc/${linker.pid}/root/etc/hosts`],
    perSecond: PER_SECOND,
    durationMs: SECONDS * 1000,
    atLeast: LOOKUPS,
    limitMs: SECONDS * 1000 + GRACE_MS,
    out: join(dir, 'raw'),
  });

  const began = now();
  const asking = raw.go();
  const churning = crowd.churn(began + SECONDS * 1000, 60);
  const bootsMs: number[] = [];
  for (let kill = 1; kill <= KILLS; kill++) {
    await sleep(began + (kill * SECONDS * 1000) / (KILLS + 1) - now());
    const since = now();
    const up = engine.restart('SIGKILL');
    crowd.up = up;
    await up;
    bootsMs.push(Math.round(now() - since));
  }
  await churning;
  await asking;
  writeFileSync(stop, '');
  await until('the clients in containers to end', () =>
    Object.keys(libcNames).every((name) => existsSync(join(dir, `${name}.out`))),
  );

  // ---- the judgement
  const truth = new Truth(crowd.members.map(({ timeline }) => timeline));
  const flat = questions.flat();
  const show = (asked: Question, answer: Answer, from: number, to: number) =>
    `${asked.network} ${asked.kind} ${asked.asked}: code ${answer.code} [${answer.values.join(' ')}] asked at ${(from - began).toFixed(1)}, known at ${(to - began).toFixed(1)} ms; ${history(crowd, asked, to, began)}`;

  const dns = new Tally();
  const { report, lookups, reads } = readRaw(join(dir, 'raw'));
  for (const { from, until: to, first, second } of lookups) {
    const asked = flat[first]!;
    const answer = report.answers[second]!;
    dns.add(truth.judge(asked, answer, from, to), () => show(asked, answer, from, to));
  }
  const hosts = new Tally();
  const frame = (reader: Reader) => {
    const own = `${reader.address}\t${reader.id.slice(0, 12)}\n`;
    const lines = [
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::\tip6-localnet',
      'ff00::\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
    ];
    return { head: lines.map((line) => `${line}\n`).join(''), tail: own };
  };
  for (const { from, until: to, second } of reads) {
    const text = report.texts[second]!;
    hosts.add(
      truth.judgeHosts(text, links, frame(linker), from, to),
      () => `at ${(from - began).toFixed(1)} ms:\n${text}`,
    );
  }

  const library = new Tally();
  for (const [name, reader] of [
    ['libc', libc],
    ['linker', linker],
  ] as const) {
    const said = JSON.parse(readFileSync(join(dir, `${name}.out`), 'utf8')) as {
      lookups: [number, number, string, string, string[]][];
      reads: [number, number, number][];
      texts: string[];
    };
    for (const [from, to, asked, code, values] of said.lookups) {
      const source = name === 'linker' ? Number(asked.slice(1)) : -1;
      const verdict =
        source < 0 ? judgeLibrary(truth, asked, code, values, from, to) : judgeLinked(crowd, source, values, from, to);
      library.add(
        verdict,
        () =>
          `${name} ${asked}: ${code} [${values.join(' ')}] asked at ${(from - began).toFixed(1)}, known at ${(to - began).toFixed(1)} ms`,
      );
    }
    for (const [from, to, text] of said.reads) {
      hosts.add(
        truth.judgeHosts(said.texts[text]!, name === 'linker' ? links : [], frame(reader), from, to),
        () => `${name} at ${(from - began).toFixed(1)} ms:\n${said.texts[text]}`,
      );
    }
  }

  const leaks = outside.filter(({ name, from, at }) => {
    const network =
      NETWORKS.find((one) => readers[one].address === from) ?? (libc.address === from ? 'net-a' : undefined);
    return network !== undefined && truth.certainlyKnown(network, name, at - 2000, at);
  });

  const done = [...crowd.counts].map(([what, count]) => `${count} ${what}`).join(', ');
  context.diagnostic(`operations: ${done}; daemon killed ${KILLS} times, back in ${bootsMs.join(', ')} ms`);
  context.diagnostic(
    `raw DNS: ${report.lookups} lookups, ${dns.verdicts.wrong} wrong, ${dns.verdicts.stale} stale, ${report.lost} lost; ${dns.verdicts.undecided} of operations that a dying daemon cut off`,
  );
  context.diagnostic(
    `C library: ${library.verdicts.right + library.verdicts.undecided} right, ${library.verdicts.wrong} wrong, ${library.verdicts.stale} stale`,
  );
  context.diagnostic(
    `/etc/hosts: ${Object.values(hosts.verdicts).reduce((sum, count) => sum + count, 0)} reads (${report.texts.length} different files), ${hosts.verdicts.torn} torn, ${hosts.verdicts.wrong} wrong, ${hosts.verdicts.stale} stale`,
  );
  context.diagnostic(
    `asked of the outside world: ${outside.length} questions, ${leaks.length} of them for names of containers`,
  );

  assert.deepEqual(
    leaks
      .slice(0, 5)
      .map(({ at: time, name, from }) => `${name} asked from ${from} at ${(time - began).toFixed(1)} ms`),
    [],
  );
  assert.deepEqual(crowd.failures, []);
  assert.deepEqual([...dns.examples, ...library.examples, ...hosts.examples], []);
  assert.equal(report.lost, 0);
  assert.ok(report.lookups >= LOOKUPS, `${report.lookups} lookups of ${LOOKUPS}`);
  assert.ok(dns.verdicts.undecided < report.lookups / 5, `${dns.verdicts.undecided} answers could not be judged`);
  for (const what of ['start', 'stop', 'restart', 'rename', 'connect', 'disconnect'])
    assert.ok(
      [...crowd.counts.keys()].some((key) => key.startsWith(what)),
      `nothing was ever: ${what}`,
    );
});

interface Row {
  readonly from: number;
  readonly until: number;
  readonly first: number;
  readonly second: number;
}

function readRaw(path: string): { report: RawReport; lookups: Iterable<Row>; reads: Iterable<Row> } {
  const report = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as RawReport;
  const bytes = readFileSync(path);
  const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  function* rows(offset: number, count: number): Generator<Row> {
    for (let at = offset; at < offset + count; at++) {
      yield {
        from: numbers[at]!,
        until: numbers[at + count]!,
        first: numbers[at + 2 * count]!,
        second: numbers[at + 3 * count]!,
      };
    }
  }
  return { report, lookups: rows(0, report.lookups), reads: rows(4 * report.lookups, report.reads) };
}

/** getaddrinfo says the same of a name without address and of no name. */
function judgeLibrary(
  truth: Truth,
  name: string,
  code: string,
  values: readonly string[],
  from: number,
  until: number,
): Verdict {
  const asked: Question = { network: 'net-a', kind: name === 'nobody' ? 'unknown' : 'a', name, asked: name };
  const verdicts = (code === '' ? [0] : code === 'ENOTFOUND' ? [0, 3] : [-1]).map((number) =>
    truth.judge(asked, { code: number, values, sound: true }, from, until),
  );
  return (
    verdicts.find((verdict) => verdict === 'right') ??
    verdicts.find((verdict) => verdict === 'undecided') ??
    verdicts.find((verdict) => verdict === 'stale') ??
    'wrong'
  );
}

/** An alias in /etc/hosts: the source's address, or none. */
function judgeLinked(crowd: Crowd, source: number, values: readonly string[], from: number, until: number): Verdict {
  const spans = crowd.members[source]!.timeline.spans;
  const during = spans
    .filter((span) => span.from <= until && span.until >= from)
    .map(({ value }) => (value === 'any' ? value : (value.networks['bridge']?.a ?? '')));
  if (during.includes('any')) return 'undecided';
  const said = values.join(' ');
  if (during.includes(said)) return 'right';
  return spans.some((span) => span.until < from && span.value !== 'any' && span.value.networks['bridge']?.a === said)
    ? 'stale'
    : 'wrong';
}

/** What happened before a moment to those who have to do with a question: the last few operations on each. */
function history(crowd: Crowd, { network, name }: Question, until: number, began: number): string {
  return crowd.members
    .flatMap(({ index, timeline }) => {
      const concerned = timeline.spans.some(
        ({ value }) =>
          value !== 'any' &&
          (value.networks[network]?.names.includes(name) === true || value.networks[network]?.a === name),
      );
      if (!concerned) return [];
      const last = timeline.spans.filter((span) => span.from <= until).slice(-4);
      return last.map(
        (span) =>
          `\n    c${index} ${span.after ?? 'create'} from ${(span.from - began).toFixed(1)} until ${(span.until - began).toFixed(1)}: ${span.value === 'any' ? 'any' : `${span.value.name} ${JSON.stringify(span.value.networks[network])}`}`,
      );
    })
    .join('');
}
