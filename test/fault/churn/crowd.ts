/**
 * Containers that never rest: started, stopped, restarted, renamed, connected and disconnected at random, several at
 * once, through an API whose daemon is killed now and then. Keeps the timeline of each.
 */
import { Api, Cut } from './api.ts';
import { Timeline, type Attachment, type ContainerState } from './truth.ts';

export const NETWORKS = ['net-a', 'net-b', 'net-c'] as const;
export const POOLS = 4;
const SPARE_NAMES = 2; // of each driver: names that nobody has

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Running: boolean };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly GlobalIPv6Address: string }>>;
  };
}

export interface Member {
  readonly id: string;
  readonly index: number;
  readonly timeline: Timeline;
}

export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Crowd {
  readonly members: Member[] = [];
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];
  readonly #api: Api;
  readonly #linked: number;
  readonly #random: () => number;
  #up: Promise<void> = Promise.resolve();

  /** The first `linked` are on the default bridge too, for others to link to. */
  constructor(api: Api, linked: number, random: () => number) {
    this.#api = api;
    this.#linked = linked;
    this.#random = random;
  }

  get names(): string[] {
    const drivers = Math.ceil(this.members.length / 4);
    return [
      ...this.members.map(({ index }) => `c${index}`),
      ...Array.from({ length: drivers }, (_, driver) => spareNames(driver)).flat(),
    ];
  }

  /** While it is not settled the daemon is away: nobody begins anything. */
  set up(up: Promise<void>) {
    this.#up = up;
  }

  async create(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const network = index < this.#linked ? 'bridge' : NETWORKS[index % 3]!;
      const body = {
        Image: 'busybox',
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: network },
        NetworkingConfig: { EndpointsConfig: { [network]: endpoint(network, index) } },
      };
      const { Id: id } = (await this.#api.ok('POST', `/containers/create?name=c${index}`, body)) as { Id: string };
      if (index < this.#linked)
        await this.#api.ok('POST', `/networks/${NETWORKS[index % 3]}/connect`, {
          Container: id,
          EndpointConfig: endpoint(NETWORKS[index % 3]!, index),
        });
      await this.#api.ok('POST', `/containers/${id}/start`);
      this.members.push({ id, index, timeline: new Timeline(await this.#inspect(id, index), now()) });
    }
  }

  /** Until `deadline`; four members each have a driver of their own. */
  async churn(deadline: number, pauseMs: number): Promise<void> {
    const drivers: Promise<void>[] = [];
    for (let first = 0; first < this.members.length; first += 4)
      drivers.push(this.#drive(this.members.slice(first, first + 4), first / 4, deadline, pauseMs));
    await Promise.all(drivers);
  }

  async #drive(members: readonly Member[], driver: number, deadline: number, pauseMs: number): Promise<void> {
    const names = [...members.map(({ index }) => `c${index}`), ...spareNames(driver)];
    while (now() < deadline) {
      await this.#up;
      const member = this.#pick(members);
      await this.#once(member, members, names);
      await sleep(pauseMs * (0.5 + this.#random()));
    }
  }

  async #once(member: Member, members: readonly Member[], names: readonly string[]): Promise<void> {
    const { state } = member.timeline;
    const running = Object.values(state.networks).some(({ a }) => a !== '') || this.#running.has(member.id);
    const others = NETWORKS.filter((network) => !(network in state.networks));
    const connected = NETWORKS.filter((network) => network in state.networks);
    const free = names.filter((name) => !members.some((one) => one.timeline.state.name === name));
    const path = `/containers/${member.id}`;
    const down = stopped(state);
    const choice = this.#random();
    if (choice < 0.2) return this.#perform(member, 'rename', [], 'POST', `${path}/rename?name=${this.#pick(free)}`);
    if (choice < 0.38 && others.length > 0) {
      const network = this.#pick(others);
      return this.#perform(member, 'connect', [], 'POST', `/networks/${network}/connect`, {
        Container: member.id,
        EndpointConfig: endpoint(network, member.index),
      });
    }
    if (choice < 0.5 && connected.length > 0) {
      return this.#perform(member, 'disconnect', [], 'POST', `/networks/${this.#pick(connected)}/disconnect`, {
        Container: member.id,
      });
    }
    if (!running) return this.#perform(member, 'start', [], 'POST', `${path}/start`);
    if (choice < 0.65) return this.#perform(member, 'restart', [down], 'POST', `${path}/restart?t=0`);
    return this.#perform(member, 'stop', [], 'POST', `${path}/stop?t=0`);
  }

  async #perform(
    member: Member,
    what: string,
    between: readonly ContainerState[],
    method: string,
    path: string,
    body?: unknown,
  ): Promise<void> {
    const before = member.timeline.state.name;
    const from = now();
    let until = 0;
    let cut = false;
    try {
      const reply = await this.#api.call(method, path, body);
      until = now();
      if (reply.status >= 400)
        this.failures.push(`${what} of c${member.index}: ${reply.status} ${JSON.stringify(reply.body)}`);
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      cut = true;
    }
    this.#count(cut ? `${what} cut off` : what);
    const state = await this.#inspectPatiently(member.id, member.index);
    if (cut) until = now();
    if (!cut) return member.timeline.change(what, from, until, state, between);
    const asked = /rename\?name=(.*)/.exec(path)?.[1] ?? state.name;
    member.timeline.cutOff(what, from, until, state, [
      before,
      asked,
      state.name,
      poolOf(member.index),
      member.id.slice(0, 12),
    ]);
  }

  async #inspectPatiently(id: string, index: number): Promise<ContainerState> {
    for (;;) {
      await this.#up;
      try {
        return await this.#inspect(id, index);
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        await sleep(10);
      }
    }
  }

  readonly #running = new Set<string>();

  async #inspect(id: string, index: number): Promise<ContainerState> {
    const { Name, State, NetworkSettings } = (await this.#api.ok('GET', `/containers/${id}/json`)) as Inspected;
    if (State.Running) this.#running.add(id);
    else this.#running.delete(id);
    const name = Name.slice(1);
    const networks = Object.entries(NetworkSettings.Networks).map(([network, settings]): [string, Attachment] => [
      network,
      {
        a: State.Running ? settings.IPAddress : '',
        aaaa: State.Running ? settings.GlobalIPv6Address : '',
        names: network === 'bridge' ? [] : [name, poolOf(index), id.slice(0, 12)],
      },
    ]);
    return { name, hostname: id.slice(0, 12), networks: Object.fromEntries(networks) };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

export const poolOf = (index: number): string => `pool-${index % POOLS}`;
const spareNames = (driver: number): string[] =>
  Array.from({ length: SPARE_NAMES }, (_, number) => `spare${driver}-${number}`);
const endpoint = (network: string, index: number): object => (network === 'bridge' ? {} : { Aliases: [poolOf(index)] });

function stopped(state: ContainerState): ContainerState {
  return {
    ...state,
    networks: Object.fromEntries(
      Object.entries(state.networks).map(([network, attachment]) => [network, { ...attachment, a: '', aaaa: '' }]),
    ),
  };
}

/** The same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
