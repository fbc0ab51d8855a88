/** A real engine takes whatever comes, and afterwards is as it was: nobody disturbed, nothing left open. */
import type { Finding, Input } from '../campaign.ts';
import { Random } from '../random.ts';
import { commandTarget } from './command-line.ts';
import type { LiveTarget } from './live-target.ts';
import { resolverTarget } from './resolver.ts';
import { routeTarget } from './routes.ts';
import { uploadTarget } from './uploads.ts';
import { rawTarget, streamTarget } from './wire.ts';
import { complaints, descriptors, destroyWorld, makeWorld, type World } from './world.ts';
import { PingSampler, tooLong } from '../../harness/ping-sampler.ts';
import { sleep } from '../../harness/test-engine.ts';

export const LIVE_TARGETS: readonly LiveTarget[] = [
  routeTarget,
  rawTarget,
  streamTarget,
  uploadTarget,
  resolverTarget,
  commandTarget,
];

export interface LiveBudget {
  readonly seed: number;
  readonly seconds: number;
  readonly only?: string;
  /** A longer silence of `/_ping` in which the daemon was at work is a finding. */
  readonly silenceMs?: number;
}

export interface LiveResult {
  /** What was sent, by target. */
  readonly counts: ReadonlyMap<string, number>;
  readonly longestSilenceMs: number;
}

/** Inputs between two looks at the world. */
const ROUND = 60;

export async function fuzzEngine(budget: LiveBudget, report: (finding: Finding) => void): Promise<LiveResult> {
  const counts = new Map<string, number>();
  const targets = LIVE_TARGETS.filter(({ name }) => name.includes(budget.only ?? ''));
  let longestSilenceMs = 0;
  if (targets.length === 0) return { counts, longestSilenceMs };
  const world = await makeWorld();
  const pings = await PingSampler.start(world.engine);
  try {
    const pid = world.engine.pid;
    const randoms = new Map(targets.map((target, index) => [target, new Random(budget.seed + index)]));
    const before = await settledDescriptors(pid);
    for (const end = Date.now() + budget.seconds * 1000; Date.now() < end;) {
      for (const target of targets) {
        if (Date.now() >= end) break;
        const inputs = await round(target, randoms.get(target)!, world, end, counts, report);
        const silence = await pings.longestSilence();
        longestSilenceMs = Math.max(longestSilenceMs, silence.silentMs);
        const tooSilent = budget.silenceMs === undefined ? undefined : tooLong(silence, budget.silenceMs);
        if (tooSilent !== undefined) report({ target: target.name, input: { json: inputs }, what: tooSilent });
        const wrong = await complaints(world, pid);
        if (wrong === '') continue;
        report({ target: target.name, input: { json: inputs }, what: wrong });
        return { counts, longestSilenceMs };
      }
      clearAway(world);
    }
    clearAway(world);
    const left = await leftOpen(pid, before);
    if (left !== '') report({ target: 'engine: descriptors', input: { json: budget }, what: left });
  } finally {
    pings.stop();
    await destroyWorld(world);
  }
  return { counts, longestSilenceMs };
}

async function round(
  target: LiveTarget,
  random: Random,
  world: World,
  end: number,
  counts: Map<string, number>,
  report: (finding: Finding) => void,
): Promise<readonly Input[]> {
  const sent: Input[] = [];
  const size = 'batch' in target ? 1 : ROUND;
  const worth = 'batch' in target ? Number(target.batch) : 1;
  const worker = async (): Promise<void> => {
    while (sent.length < size && Date.now() < end) {
      const input = target.make(random, world);
      sent.push(input);
      const what = await target.send(input, world);
      counts.set(target.name, (counts.get(target.name) ?? 0) + worth);
      if (what !== undefined) report({ target: target.name, input, what });
    }
  };
  await Promise.all(Array.from({ length: target.parallel }, worker));
  return sent;
}

/** What the inputs made goes away again, and what they ended comes back. */
function clearAway({ engine }: World): void {
  engine.shell(`docker unpause busy; for c in $(docker ps -aq); do case $(docker inspect -f '{{.Name}}' $c) in /bystander|/busy|/idle|/ended) ;; *) docker rm -fv $c;; esac; done; docker network prune -f; docker volume prune -af; docker image prune -f
    docker network inspect net || docker network create --subnet 10.78.0.0/24 net; docker inspect busy || docker run -di --init --name busy --network net -v vol:/v busybox sleep 1000000; docker start busy
    docker inspect idle || docker create --name idle -it busybox sh; docker inspect ended || docker run -d --name ended busybox false`);
}

async function settledDescriptors(pid: number): Promise<Map<string, number>> {
  await sleep(500);
  return descriptors(pid);
}

/** Descriptors that stay open although nobody asks anything any more. */
async function leftOpen(pid: number, before: ReadonlyMap<string, number>): Promise<string> {
  let more: string[] = [];
  for (let left = 40; left > 0; left--) {
    // A few more are no leak: files and sockets that are kept for the next time.
    more = [...descriptors(pid)]
      .filter(([what, count]) => count > (before.get(what) ?? 0) + 8)
      .map(([what, count]) => `${count - (before.get(what) ?? 0)} more: ${what}`);
    if (more.length === 0) return '';
    await sleep(250);
  }
  return more.join('\n');
}
