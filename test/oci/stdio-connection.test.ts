/** A process's stdio over conmon's socket, with a program in conmon's place that closes when it is told to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { connectSeqpacket, sendPacket } from '../../src/kernel/socket.ts';
import type { AttachSession } from '../../src/oci/attach-session.ts';
import { StdioConnection } from '../../src/oci/stdio-connection.ts';

// Once it is told, writes 20 packets, takes as many packets of stdin as the second argument says, and closes.
const CONMON = `
  use Socket; $| = 1;
  socket(my $listener, AF_UNIX, SOCK_SEQPACKET, 0) or die; bind($listener, sockaddr_un($ARGV[0])) or die; listen($listener, 1) or die;
  print "listening\\n"; accept(my $one, $listener) or die;
  <STDIN>;
  for my $n (1 .. 20) { send($one, chr(2) . "line $n\\n", 0) or die }
  for my $n (1 .. $ARGV[1]) { recv($one, my $taken, 65536, 0) }
  close($one); print "closed\\n"; <STDIN>;
`;
const LINES = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`).join('');

async function imitation(t: TestContext, { reads }: { reads: number }) {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-stdio-'));
  const path = join(directory, 'attach');
  const child = spawn('perl', ['-e', CONMON, path, String(reads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const alive = setInterval(() => {}, 60_000); // a watched descriptor does not keep a process alive
  t.after(async () => {
    clearInterval(alive);
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(directory, { recursive: true });
  });
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const says = async (line: string) => assert.equal((await said.next()).value, line);
  await says('listening');
  const closes = () => {
    child.stdin.write('now\n');
    return says('closed');
  };
  return { fd: connectSeqpacket(path), closes };
}

async function textOf(session: AttachSession): Promise<string> {
  let text = '';
  for await (const { data } of session.output) text += data.toString();
  return text;
}

for (const [how, reads] of Object.entries({ 'none of it': 0, 'some of it': 1 })) {
  test(`what a process wrote comes to its end when conmon closes with stdin unread (${how} read)`, async (t) => {
    const conmon = await imitation(t, { reads });
    for (let count = 0; count < 3; count += 1) sendPacket(conmon.fd, Buffer.from('unread\n'));
    await conmon.closes(); // with output in one direction and stdin in the other
    const session = new StdioConnection(conmon.fd, { tty: false, stdinEnds: true }).join({ stdin: true });
    assert.equal(await textOf(session), LINES);
  });
}

test('a client that goes on sending to a conmon that has closed takes no output away', async (t) => {
  const conmon = await imitation(t, { reads: 0 });
  sendPacket(conmon.fd, Buffer.from('unread\n'));
  await conmon.closes();
  const session = new StdioConnection(conmon.fd, { tty: false, stdinEnds: true }).join({ stdin: true });
  for (let count = 0; count < 3; count += 1) await session.writeStdin(Buffer.alloc(100_000));
  assert.equal(await textOf(session), LINES);
});
