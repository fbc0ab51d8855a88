/** Clients that never stop asking while containers come and go: each is led to the container that is there now. */
import { spawn, type ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';
import { Packets } from './packets.ts';

const ROUNDS = 6;

/** Sends from one port, without a pause; says each answer that is another than the last. */
const UDP_CLIENT = `
alarm 110; use Socket qw(:all); use IO::Handle; STDOUT->autoflush(1);
my ($to, $port) = @ARGV; my $family = $to =~ /:/ ? AF_INET6 : AF_INET;
socket(my $s, $family, SOCK_DGRAM, 0) or die; my $there = $family == AF_INET ? pack_sockaddr_in($port, inet_aton($to)) : pack_sockaddr_in6($port, inet_pton(AF_INET6, $to));
my $last = ''; while (1) { send($s, 'who', 0, $there); my $answer = ''; recv($s, $answer, 100, MSG_DONTWAIT);
  if ($answer ne '' && $answer ne $last) { print "$answer\\n"; $last = $answer } select(undef, undef, undef, 0.0002) }`;

/**
 * Connects anew again and again, each time with all the patience that TCP has; says each answer that is another than
 * the last.
 */
const TCP_CLIENT = `
alarm 110; use IO::Socket::INET; STDOUT->autoflush(1); my $last = '';
while (1) { my $s = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]") or do { select(undef, undef, undef, 0.0002); next };
  my $answer = <$s>; next unless defined $answer; chomp $answer; if ($answer ne $last) { print "$answer\\n"; $last = $answer } }`;

class Client {
  readonly #answers: string[] = [];
  readonly #process: ChildProcess;

  readonly #name: string;

  constructor(netns: string | undefined, program: string, to: string, port: number) {
    this.#name = `the client of ${to} port ${port}`;
    const args = ['perl', '-e', program, to, String(port)];
    this.#process =
      netns === undefined ? spawn(args[0]!, args.slice(1)) : spawn('nsenter', [`--net=${netns}`, ...args]);
    this.#process.stdout!.on('data', (data: Buffer) =>
      this.#answers.push(...data.toString().split('\n').filter(Boolean)),
    );
  }

  async waitFor(answer: string): Promise<void> {
    for (const until = Date.now() + 60_000; !this.#answers.includes(answer);) {
      if (Date.now() > until)
        throw new Error(`${this.#name} was never answered by ${answer}, last by ${this.#answers.at(-1) ?? 'nobody'}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }
}

function follow(): void {
  let lab: Lab;
  let outside: string;
  const packets = new Packets();

  before(async () => {
    lab = await Lab.start();
    outside = lab.otherHost();
    await lab.createNetwork('net', { enableIpv6: true });
  });
  after(async () => {
    packets.close();
    await lab.stop();
  });

  const start = (name: string): Promise<Sandbox> => {
    const portBindings = {
      '80/tcp': [{ hostIp: '', hostPort: '8080' }],
      '53/udp': [
        { hostIp: '', hostPort: '5353' },
        { hostIp: '127.0.0.1', hostPort: '5354' },
      ],
    };
    return lab.join(name, ['net'], { portBindings });
  };

  test('a client that keeps sending is forwarded to the next container at once', { timeout: 600_000 }, async () => {
    const clients = [
      new Client(outside, UDP_CLIENT, '192.0.2.1', 5353),
      new Client(outside, UDP_CLIENT, '2001:db8::1', 5353),
      new Client(undefined, UDP_CLIENT, '127.0.0.1', 5354),
      new Client(outside, TCP_CLIENT, '192.0.2.1', 8080),
    ];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const name = `web${round}`;
        const sandbox = await start(name);
        for (const any of ['0.0.0.0', '::']) {
          packets.serveUdp(sandbox.netns, 53, any, name);
          packets.serveTcp(sandbox.netns, 80, any, `${name}\n`);
        }
        await Promise.all(clients.map((client) => client.waitFor(name)));
        await lab.service.leave(sandbox.containerId);
      }
    } finally {
      for (const client of clients) client.close();
    }
  });
}

if (enterTestHost()) describe('flows', follow);
