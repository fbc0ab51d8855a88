import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import fc from 'fast-check';
import { isKernelError } from '../../src/kernel/errors.ts';
import { libnftables } from '../../src/kernel/ffi.ts';
import { netlinkTraffic } from '../../src/kernel/netlink/netlink-socket.ts';
import {
  addToNewSet,
  concatenate,
  interfaceNameField,
  markField,
  NftSocket,
  u16Field,
  type SetElement,
} from '../../src/kernel/nftables/batch.ts';
import { RulesetContext } from '../../src/kernel/nftables/ruleset.ts';
import { RulesetReader } from '../../src/kernel/nftables/ruleset-reader.ts';
import { readTable, writeTable } from '../../src/kernel/nftables/table-copy.ts';
import { ipBytes } from '../../src/kernel/socket-address.ts';
import { nft, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();
const netns = throwawayNetns(directory);
const ruleset = RulesetContext.open(netns);
const socket = NftSocket.open(netns);
after(() => (ruleset.close(), socket.close()));

ruleset.run(`table inet t {
  chain target { accept; }
  set plain { type ipv4_addr; }
  set six { type ipv6_addr; }
  set pairs { type ipv4_addr; flags interval; }
  set both { type ipv4_addr . inet_service; flags interval; }
  map nat { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map verdicts { type ifname . ipv4_addr : verdict; }
  map ranges { type inet_service : verdict; flags interval; }
  map marks { type ipv4_addr : mark; }
}`);
const named = (set: string) => ({ family: 'inet', table: 't', set }) as const;

// What nft itself says a set holds.
// oxlint-disable-next-line typescript/no-explicit-any
function listed(kind: 'set' | 'map', name: string): any[] {
  const [item] = nft(netns, 'list', kind, 'inet', 't', name);
  return item[kind].elem ?? [];
}

test('elements of every form of key and data, as nft sees them', () => {
  socket.commit([
    {
      ...named('plain'),
      op: 'add',
      elements: [{ key: ipBytes('10.0.0.1'), comment: 'web' }, { key: ipBytes('10.0.0.2') }],
    },
    { ...named('six'), op: 'add', elements: [{ key: ipBytes('fd00::7') }] },
    {
      ...named('pairs'),
      op: 'add',
      elements: [
        { key: ipBytes('10.0.0.0'), keyEnd: ipBytes('10.0.0.255') },
        { key: ipBytes('10.0.1.0'), keyEnd: ipBytes('10.0.1.9') }, // begins where the first ends
        { key: ipBytes('11.0.0.1') },
        { key: ipBytes('255.255.0.0'), keyEnd: ipBytes('255.255.255.255') }, // up to the last key there is
      ],
    },
    {
      ...named('both'),
      op: 'add',
      elements: [
        {
          key: concatenate(ipBytes('10.0.0.0'), u16Field(80)),
          keyEnd: concatenate(ipBytes('10.0.0.255'), u16Field(90)),
        },
      ],
    },
    {
      ...named('nat'),
      op: 'add',
      elements: [
        { key: concatenate(Buffer.from([17]), u16Field(53)), data: concatenate(ipBytes('172.17.0.2'), u16Field(5353)) },
      ],
    },
    {
      ...named('verdicts'),
      op: 'add',
      elements: [
        {
          key: concatenate(interfaceNameField('br-0123456789ab'), ipBytes('1.2.3.4')),
          data: { verdict: 'jump', chain: 'target' },
        },
        { key: concatenate(interfaceNameField('b'), ipBytes('1.2.3.4')), data: { verdict: 'goto', chain: 'target' } },
        { key: concatenate(interfaceNameField('c'), ipBytes('1.2.3.4')), data: { verdict: 'drop' } },
      ],
    },
    {
      ...named('ranges'),
      op: 'add',
      elements: [{ key: u16Field(80), keyEnd: u16Field(90), data: { verdict: 'accept' } }],
    },
    { ...named('marks'), op: 'add', elements: [{ key: ipBytes('10.0.0.9'), data: markField(0x1234) }] },
  ]);
  assert.deepEqual(
    listed('set', 'plain').sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ['10.0.0.2', { elem: { val: '10.0.0.1', comment: 'web' } }],
  );
  assert.deepEqual(listed('set', 'six'), ['fd00::7']);
  assert.deepEqual(listed('set', 'pairs'), [
    { prefix: { addr: '10.0.0.0', len: 24 } },
    { range: ['10.0.1.0', '10.0.1.9'] },
    '11.0.0.1',
    { prefix: { addr: '255.255.0.0', len: 16 } },
  ]);
  assert.deepEqual(listed('set', 'both'), [
    { concat: [{ prefix: { addr: '10.0.0.0', len: 24 } }, { range: [80, 90] }] },
  ]);
  assert.deepEqual(listed('map', 'nat'), [[{ concat: ['udp', 53] }, { concat: ['172.17.0.2', 5353] }]]);
  assert.deepEqual(
    new Set(listed('map', 'verdicts').map((entry) => JSON.stringify(entry))),
    new Set([
      JSON.stringify([{ concat: ['br-0123456789ab', '1.2.3.4'] }, { jump: { target: 'target' } }]),
      JSON.stringify([{ concat: ['b', '1.2.3.4'] }, { goto: { target: 'target' } }]),
      JSON.stringify([{ concat: ['c', '1.2.3.4'] }, { drop: null }]),
    ]),
  );
  assert.deepEqual(listed('map', 'ranges'), [[{ range: [80, 90] }, { accept: null }]]);
  assert.deepEqual(listed('map', 'marks'), [['10.0.0.9', 0x1234]]);

  // And as we read them back.
  assert.deepEqual(
    socket.listElements(named('pairs')).map(({ key, keyEnd }) => [key.toString('hex'), keyEnd!.toString('hex')]),
    [
      ['0a000000', '0a0000ff'],
      ['0a000100', '0a000109'],
      ['0b000001', '0b000001'],
      ['ffff0000', 'ffffffff'],
    ],
  );
  assert.equal(socket.listElements(named('plain')).find(({ comment }) => comment)!.comment, 'web');
  assert.deepEqual(
    socket
      .listElements(named('verdicts'))
      .map(({ data }) => JSON.stringify(data))
      .sort(),
    ['{"verdict":"drop"}', '{"verdict":"goto","chain":"target"}', '{"verdict":"jump","chain":"target"}'],
  );
  assert.deepEqual(socket.listElements(named('nat'))[0]!.data, concatenate(ipBytes('172.17.0.2'), u16Field(5353)));

  // Every one of them goes again by its key.
  const del = (set: string) => ({ ...named(set), op: 'delete', elements: socket.listElements(named(set)) }) as const;
  socket.commit(['plain', 'six', 'pairs', 'both', 'nat', 'verdicts', 'ranges', 'marks'].map(del));
  for (const set of ['plain', 'six', 'pairs', 'both', 'nat', 'verdicts', 'ranges', 'marks'])
    assert.deepEqual(socket.listElements(named(set)), []);
});

test('a transaction is all or nothing, and its error names the change', () => {
  const before = socket.generation();
  assert.throws(
    () =>
      socket.commit([
        { ...named('plain'), op: 'add', elements: [{ key: ipBytes('9.9.9.9') }] },
        { ...named('nat'), op: 'delete', elements: [{ key: concatenate(Buffer.from([6]), u16Field(1)) }] },
      ]),
    (error) => isKernelError(error, 'ENOENT') && error.operation === 'delete from inet t nat',
  );
  assert.deepEqual(socket.listElements(named('plain')), []);
  assert.equal(socket.generation(), before);
  assert.throws(
    () => socket.commit([{ ...named('nope'), op: 'flush' }]),
    (error) => isKernelError(error, 'ENOENT') && /inet t nope/.test(error.message),
  );
  socket.commit([]); // nothing to do is done
  assert.equal(socket.generation(), before);
});

test('adding twice succeeds; other data is refused unless replacing; deleting what is absent succeeds when allowed', () => {
  const key = concatenate(Buffer.from([6]), u16Field(8080));
  const to = (address: string) => concatenate(ipBytes(address), u16Field(80));
  const add = (address: string, replace = false) =>
    socket.commit([{ ...named('nat'), op: 'add', replace, elements: [{ key, data: to(address) }] }]);
  add('172.17.0.2');
  add('172.17.0.2');
  assert.throws(
    () => add('172.17.0.3'),
    (error) => isKernelError(error, 'EEXIST'),
  );
  add('172.17.0.3', true);
  assert.deepEqual(listed('map', 'nat'), [[{ concat: ['tcp', 8080] }, { concat: ['172.17.0.3', 80] }]]);
  const remove = { ...named('nat'), op: 'delete', elements: [{ key }], ignoreAbsent: true } as const;
  assert.equal(socket.hasElement(named('nat'), { key }), true);
  socket.commit([remove]);
  assert.equal(socket.hasElement(named('nat'), { key }), false);
  socket.commit([remove]);
  socket.commit([
    {
      ...named('pairs'),
      op: 'delete',
      ignoreAbsent: true,
      elements: [{ key: ipBytes('1.1.1.0'), keyEnd: ipBytes('1.1.1.3') }],
    },
  ]);
});

test('what is sent is counted, and a socket that was closed sends nothing', () => {
  const own = NftSocket.open(netns);
  const change = (op: 'add' | 'delete') =>
    ({ ...named('plain'), op, elements: [{ key: ipBytes('10.9.9.9') }] }) as const;
  const before = netlinkTraffic.sentBytes;
  own.commit([change('add')]);
  own.commit([change('delete')]);
  assert.ok(netlinkTraffic.sentBytes > before + 200);
  own.close();
  const after = netlinkTraffic.sentBytes;
  assert.throws(
    () => own.runMessages((batch) => addToNewSet(batch, named('plain'), [{ key: ipBytes('10.9.9.9') }])),
    (error) => isKernelError(error, 'EBADF') && /the netlink socket is closed/.test(String(error)),
  );
  assert.equal(netlinkTraffic.sentBytes, after);
});

test('a generation that is no longer current is refused', () => {
  const generation = socket.generation();
  run(netns, 'nft', 'add', 'element', 'inet', 't', 'six', '{ fd00::1 }');
  const change = { ...named('six'), op: 'delete', elements: [{ key: ipBytes('fd00::1') }] } as const;
  assert.throws(
    () => socket.commit([change], { generation }),
    (error) => isKernelError(error, 'ERESTART'),
  );
  socket.commit([change], { generation: socket.generation() });
  assert.deepEqual(socket.listElements(named('six')), []);
});

test('thousands of elements in one transaction, flushed and filled at one instant', () => {
  const elements = Array.from({ length: 20_000 }, (_, index) => ({
    key: ipBytes(`10.${index >> 8}.${index & 255}.7`),
  }));
  const before = socket.generation();
  socket.commit([{ ...named('plain'), op: 'add', elements }]);
  assert.equal(socket.generation(), before + 1);
  assert.equal(socket.listElements(named('plain')).length, 20_000);
  socket.commit([
    { ...named('plain'), op: 'flush' },
    { ...named('plain'), op: 'add', elements: elements.slice(0, 3) },
  ]);
  assert.deepEqual(new Set(listed('set', 'plain')), new Set(['10.0.0.7', '10.0.1.7', '10.0.2.7']));
  socket.flushSet(named('plain'));
  assert.deepEqual(listed('set', 'plain'), []);
});

test('random intervals: what goes in comes out, and nft agrees', () => {
  const distinct = fc.uniqueArray(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 2, maxLength: 24 });
  const bytes = (number: number) =>
    Buffer.from([number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]);
  fc.assert(
    fc.property(distinct, (numbers) => {
      const sorted = numbers.sort((a, b) => a - b).slice(0, numbers.length & ~1);
      const elements: SetElement[] = [];
      for (let index = 0; index < sorted.length; index += 2)
        elements.push({ key: bytes(sorted[index]!), keyEnd: bytes(sorted[index + 1]!) });
      socket.commit([
        { ...named('pairs'), op: 'flush' },
        { ...named('pairs'), op: 'add', elements },
      ]);
      assert.deepEqual(socket.listElements(named('pairs')), elements);
    }),
    { numRuns: 40 },
  );
  const first = socket.listElements(named('pairs'));
  assert.equal(listed('set', 'pairs').length, first.length);
  socket.flushSet(named('pairs'));
});

test('rulesets: one transaction, nft’s message with its caret, lists as text and JSON', () => {
  const before = socket.generation();
  assert.throws(
    () => ruleset.run('add table ip x\nadd rule ip x absent accept'),
    (error) => isKernelError(error, 'ENOENT') && /Could not process rule/.test(error.extended),
  );
  assert.throws(
    () => ruleset.run('add rule inet t absent accept'),
    (error) => isKernelError(error, 'ENOENT') && /add rule inet t absent accept\n\s+\^+$/.test(error.message),
  );
  assert.equal(socket.generation(), before, 'the table was not made either');
  assert.throws(
    () => ruleset.run('add nonsense'),
    (error) => isKernelError(error, 'EINVAL') && /syntax error/.test(error.message),
  );
  ruleset.run(
    'add table ip x\nadd chain ip x c { type filter hook input priority 0; }\nadd rule ip x c iifname "eth0" accept',
  );
  assert.equal(socket.generation(), before + 1);
  assert.equal(ruleset.list('list table ip x'), run(netns, 'nft', 'list', 'table', 'ip', 'x'));
  assert.deepEqual(
    ruleset.list('list table ip x', { json: true }),
    JSON.parse(run(netns, 'nft', '-j', 'list', 'table', 'ip', 'x')),
  );
  socket.commit([{ ...named('six'), op: 'add', elements: [{ key: ipBytes('fd00::99') }] }]);
  assert.match(ruleset.list('list set inet t six'), /fd00::99/);
  assert.doesNotMatch(ruleset.list('list set inet t six', { terse: true }), /fd00::99/);
  assert.match(ruleset.list('list table ip x', { handles: true }), /# handle/);
  ruleset.run('delete table ip x');
  assert.throws(
    () => ruleset.list('list table ip x'),
    (error) => isKernelError(error, 'ENOENT'),
  );
  const closed = RulesetContext.open(netns);
  closed.close();
  closed.close();
  assert.throws(
    () => closed.run('list ruleset'),
    (error) => isKernelError(error, 'EBADF'),
  );
});

test('a table is written again from a copy of its rules, and is what it was', () => {
  ruleset.run(`table inet original {
  set names { type ifname; comment "with a comment"; }
  map target { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map verdicts { type nf_proto . ifname : verdict; }
  set wide { type ipv4_addr; flags interval; }
  chain leaf { tcp dport 9 counter packets 3 bytes 7 drop comment "mine"; limit rate 3/second log prefix "x" accept; }
  chain nat { comment "of a chain"; type nat hook prerouting priority dstnat; policy accept; dnat ip to meta l4proto . th dport map @target; }
  chain filter { type filter hook forward priority filter; policy drop; iifname @names jump leaf; meta nfproto . oifname vmap @verdicts; ct state established,related accept; fib daddr type != local return; }
}`);
  const listing = () => ruleset.list('list table inet original');
  const before = listing();
  const copy = readTable(socket, 'inet', 'original')!;
  assert.throws(
    () => socket.runMessages((batch) => writeTable(batch, copy)),
    (error) => isKernelError(error, 'EEXIST'),
  );
  ruleset.run('delete table inet original');
  socket.runMessages((batch) => {
    writeTable(batch, copy);
    addToNewSet(batch, { family: 'inet', table: 'original', set: 'names' }, [{ key: interfaceNameField('eth0') }]);
    const leaf = {
      key: concatenate(Buffer.from([2]), interfaceNameField('eth0')),
      data: { verdict: 'goto', chain: 'leaf' } as const,
    };
    addToNewSet(batch, { family: 'inet', table: 'original', set: 'verdicts' }, [leaf]);
  });
  assert.match(ruleset.list('list table inet original'), /ipv4 . "eth0" : goto leaf/);
  ruleset.run('flush set inet original names; flush map inet original verdicts');
  assert.equal(listing(), before);
  assert.equal(readTable(socket, 'inet', 'nowhere'), undefined);
  ruleset.run('add rule inet original leaf tcp dport { 80, 443 } accept');
  assert.equal(readTable(socket, 'inet', 'original'), undefined, 'a set without a name cannot be copied');
  ruleset.run('delete table inet original');
});

test('a table that goes or changes while it is copied is never copied in part', () => {
  const write = (port: number) =>
    ruleset.run(
      `table inet torn { chain first { tcp dport ${port} drop; }; chain second { tcp dport ${port} accept; }; }`,
    );
  /** A socket before whose second listing somebody else does something, each time that a copy is tried. */
  const disturbed = (others: (turn: number) => void): NftSocket => {
    let dumps = 0;
    return new Proxy(socket, {
      get: (target, name) => {
        const value = target[name as keyof NftSocket] as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name === 'dumpMessages' && ++dumps % 3 === 2) others((dumps + 1) / 3);
          return value.apply(target, args);
        };
      },
    });
  };
  write(1);
  assert.equal(
    readTable(
      disturbed((turn) => turn === 1 && ruleset.run('delete table inet torn')),
      'inet',
      'torn',
    ),
    undefined,
  );
  write(2);
  const copy = readTable(
    disturbed((turn) => turn === 1 && ruleset.run('add rule inet torn first tcp dport 3 drop')),
    'inet',
    'torn',
  )!;
  assert.deepEqual([copy.chains.length, copy.rules.length], [2, 3]);
  const always = disturbed(() => ruleset.run('add rule inet torn first tcp dport 4 drop'));
  assert.equal(readTable(always, 'inet', 'torn'), undefined, 'not while others change it all the time');
  ruleset.run('delete table inet torn');
});

test('what a thread lists meanwhile does not change what is listed here', async () => {
  const rules = (count: number, ...protocols: string[]) =>
    Array.from({ length: count }, (_, at) => `meta l4proto ${protocols[at % protocols.length]} accept;`).join(' ');
  ruleset.run(
    `table inet here { chain c { ${rules(200, 'icmp', 'ipv6-icmp')} }; }; table inet aside { chain c { ${rules(4000, 'tcp', 'udp', 'sctp')} }; }`,
  );
  const reader = RulesetReader.open(netns);
  try {
    const whole = ruleset.list('list table inet here');
    let isOver = false;
    const listing = reader.list('list table inet aside').finally(() => (isOver = true));
    while (!isOver) {
      assert.equal(ruleset.list('list table inet here'), whole);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await listing).filter((entry) => 'rule' in entry).length, 4000);
  } finally {
    reader.close();
    ruleset.run('delete table inet here; delete table inet aside');
  }
});

test('nft commands that are interrupted are tried again, and given up in the end', async (t) => {
  const library = libnftables();
  const { getError, runCommands, runCommandsAside } = library;
  let interruptions = 0;
  const isInterrupted = () => interruptions-- > 0;
  t.mock.method(library, 'getError', (context: bigint) =>
    interruptions >= 0 ? 'netlink: Error: cache initialization failed: Interrupted system call\n' : getError(context),
  );
  t.mock.method(library, 'runCommands', (context: bigint, commands: string) =>
    isInterrupted() ? -1 : runCommands(context, commands),
  );
  t.mock.method(library, 'runCommandsAside', async (context: bigint, commands: string) =>
    isInterrupted() ? -1 : runCommandsAside(context, commands),
  );
  interruptions = 2;
  ruleset.run('table inet interrupted { }');
  assert.equal(interruptions, -1);
  interruptions = 2;
  assert.match(await ruleset.printAside('list tables', {}), /table inet interrupted/);
  interruptions = 100;
  assert.throws(
    () => ruleset.run('delete table inet interrupted'),
    (error) => isKernelError(error, 'EINTR'),
  );
  assert.ok(interruptions > 90, `${interruptions} left`);
  interruptions = 0;
  ruleset.run('delete table inet interrupted');
});

test('a change that may have been made when it was interrupted is not made twice', (t) => {
  const library = libnftables();
  const { runCommands } = library;
  let runs = 0;
  ruleset.run('table inet once { chain c { }; }');
  t.mock.method(library, 'runCommands', (context: bigint, commands: string) => {
    runs++;
    runCommands(context, commands);
    return -1;
  });
  t.mock.method(library, 'getError', () => 'Error: Could not process rule: Interrupted system call\n');
  assert.throws(
    () => ruleset.run('add rule inet once c accept'),
    (error) => isKernelError(error, 'EINTR'),
  );
  t.mock.restoreAll();
  assert.equal(runs, 1);
  assert.equal(ruleset.list('list table inet once').match(/accept/g)?.length, 1);
  ruleset.run('delete table inet once');
});
