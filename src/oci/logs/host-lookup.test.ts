import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostLookups, NoAddressInTime, type Address } from './host-lookup.ts';

/** A system that answers when it is told to, and a clock that is moved by hand. */
function system() {
  const asked: string[] = [];
  const answers = new Map<string, (answer: readonly Address[] | Error) => void>();
  let nowMs = 0;
  const lookups = new HostLookups(
    (name) => {
      asked.push(name);
      return new Promise((resolve, reject) =>
        answers.set(name, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
      );
    },
    () => nowMs,
  );
  return {
    lookups,
    asked,
    answer: (name: string, answer: string | Error) =>
      answers.get(name)!(answer instanceof Error ? answer : [{ address: answer, family: 4 }]),
    pass: (ms: number) => void (nowMs += ms),
  };
}

const first = async (found: Promise<readonly Address[]>): Promise<string> => (await found)[0]!.address;
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('an address is no name, and is not looked up', async () => {
  const { lookups, asked } = system();
  assert.deepEqual(await lookups.addressesOf('2001:db8::1'), [{ address: '2001:db8::1', family: 6 }]);
  assert.deepEqual(await lookups.addressesOf('192.0.2.1'), [{ address: '192.0.2.1', family: 4 }]);
  assert.deepEqual(asked, []);
});

test('a name is looked up once for all, its address is used for a minute, and on while it is looked up again', async () => {
  const { lookups, asked, answer, pass } = system();
  const both = [first(lookups.addressesOf('log')), first(lookups.addressesOf('log'))];
  answer('log', '192.0.2.1');
  assert.deepEqual(await Promise.all(both), ['192.0.2.1', '192.0.2.1']);
  for (let message = 0; message < 1000; message++) await lookups.addressesOf('log');
  assert.equal(asked.length, 1);
  pass(60_000);
  assert.equal(await first(lookups.addressesOf('log')), '192.0.2.1', 'it is not waited for');
  assert.equal(asked.length, 2);
  answer('log', '192.0.2.2');
  await settle();
  assert.equal(await first(lookups.addressesOf('log')), '192.0.2.2');
  pass(60_000);
  await lookups.addressesOf('log');
  answer('log', new Error('SERVFAIL'));
  await settle();
  assert.equal(await first(lookups.addressesOf('log')), '192.0.2.2', 'what was known goes on');
});

test('no more than two names are looked up at once, and a wait for one has an end', async () => {
  const { lookups, asked, answer } = system();
  const late = ['a', 'b', 'c'].map((name) => assert.rejects(lookups.addressesOf(name, 0), NoAddressInTime));
  await Promise.all(late);
  assert.deepEqual(asked, ['a', 'b']);
  answer('a', '192.0.2.1');
  await settle();
  assert.deepEqual(asked, ['a', 'b', 'c']);
  assert.equal(await first(lookups.addressesOf('a')), '192.0.2.1');
});

test('a name that there is not is not asked for again at once', async () => {
  const { lookups, asked, answer, pass } = system();
  const found = assert.rejects(lookups.addressesOf('none'), /ENOTFOUND/);
  answer('none', new Error('ENOTFOUND'));
  await found;
  await assert.rejects(lookups.addressesOf('none'), /ENOTFOUND/);
  assert.equal(asked.length, 1);
  pass(5000);
  void lookups.addressesOf('none').catch(() => {});
  assert.equal(asked.length, 2);
});
