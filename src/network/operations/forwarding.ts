/**
 * IP forwarding, which containers need and others must get nothing from. Where it is the engine that turns it on, the
 * order is: what is there now is noted on the disk, the firewall drops what would be forwarded between foreign
 * interfaces, and then the kernel is told. So there is no moment in which the host routes between others, wherever a
 * crash comes.
 */
import { join } from 'node:path';
import { hasMark } from '../interfaces/own-mark.ts';
import type { NetworkCore } from './core.ts';
import { ForwardingNoteFile, joinClosed, type Closed } from '../host/forwarding-note.ts';
import {
  forwardsByItself,
  isForwardingOff,
  listensToRouters,
  loadBridgeNetfilter,
  turnForwardingOn,
} from '../host/host-facts.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { guardedBridge, keepsNeighboursApart, needsForwarding } from '../plan/network-policy.ts';
import { diffFacts } from '../firewall/facts/diff.ts';
import type { Element } from '../firewall/facts/element.ts';
import { factsOfHost, type ClosedHost, type FirewallPolicy } from '../plan/firewall-facts.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { isEncodable } from '../interfaces/link-name.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';

type ForwardingNeeds = Pick<NetworkCore, 'config' | 'firewall' | 'log' | 'policy' | 'route' | 'table'>;

export class Forwarding {
  readonly #needs: ForwardingNeeds;
  readonly #file: ForwardingNoteFile;
  /** What is turned on once the table is written, at the start. */
  readonly #pending = new Set<4 | 6>();
  #tableWritten = false;
  #listeners6: readonly string[] = [];

  constructor(needs: ForwardingNeeds) {
    this.#needs = needs;
    this.#file = new ForwardingNoteFile(join(needs.config.stateDir, 'forwarding'), needs.log);
  }

  /** At the start: what the note says, and the table, which another data root's daemon may have left. */
  recall(): void {
    const { closed, listeners6 } = this.#file.read();
    this.#listeners6 = listeners6;
    const joined = joinClosed(closed, this.#closedByTable());
    this.#needs.policy = { ...this.#needs.policy, closed: joined };
    if (JSON.stringify(joined) !== JSON.stringify(closed)) this.#file.write({ closed: joined, listeners6 });
  }

  /** Sees to it that the host forwards; true where it did not. At the start that waits for `carryOut`. */
  #need(versions: readonly (4 | 6)[]): boolean {
    const off = versions.filter((version) => !this.#pending.has(version) && isForwardingOff(version));
    if (off.length === 0) return false;
    const needs = this.#needs;
    const closed = this.#closedBy(off);
    this.#file.write({ closed, listeners6: this.#listeners6 });
    const policy = { ...needs.policy, closed };
    for (const version of off) this.#pending.add(version);
    // At the start the whole table is written at once.
    if (this.#tableWritten) this.#closeAndTurnOn(policy);
    else needs.policy = policy;
    return true;
  }

  #closeAndTurnOn(policy: FirewallPolicy): void {
    const needs = this.#needs;
    try {
      needs.firewall.change(diffFacts(factsOfHost(needs.policy), factsOfHost(policy)));
      needs.policy = policy;
      this.#turnOn();
    } finally {
      this.#pending.clear();
    }
  }

  /**
   * What a network needs of the host: forwarding where it has external connectivity; bridged packets through the IP
   * hooks where it isolates neighbours.
   */
  async prepareFor(network: NetworkRecord): Promise<void> {
    const { config, log } = this.#needs;
    if (guardedBridge(network) !== '' && keepsNeighboursApart(network)) await loadBridgeNetfilter(log);
    if (!config.ipForward || !needsForwarding(network)) return;
    this.#need(([4, 6] as const).filter((version) => enables(network, version)));
  }

  /** Turns it on again where networks need it and it was turned off; true if that was so. */
  restore(): boolean {
    const { config, table } = this.#needs;
    if (!config.ipForward) return false;
    const needing = table.networks().filter((network) => needsForwarding(network));
    return this.#need(([4, 6] as const).filter((version) => needing.some((network) => enables(network, version))));
  }

  /** The table is written. */
  carryOut(): void {
    this.#tableWritten = true;
    this.#turnOn();
    this.#pending.clear();
  }

  #turnOn(): void {
    const links = this.#needs.route.links().map((link) => link.name);
    for (const version of this.#pending) turnForwardingOn(version, links);
    if (this.#pending.size > 0)
      this.#needs.log.info(
        { ipv4: this.#pending.has(4), ipv6: this.#pending.has(6) },
        'IP forwarding turned on: packets that are not of containers are dropped, but those of bridges and veths that others make from now on',
      );
  }

  /**
   * While the daemon runs, another program may turn it off briefly, and bridges that came after the daemon first turned
   * it on go on as before. At the start nothing can have relied on it.
   */
  #closedBy(versions: readonly (4 | 6)[]): Closed {
    const { policy, route } = this.#needs;
    const links = route.links().filter((link) => !isOurs(link));
    let closed = policy.closed;
    for (const version of versions) {
      if (this.#tableWritten && closed[version]) continue;
      closed = joinClosed(closed, { [version]: this.#snapshot(links, version) });
      if (version === 6)
        this.#listeners6 = [
          ...new Set([...this.#listeners6, ...links.map(({ name }) => name).filter(listensToRouters)]),
        ];
    }
    return closed;
  }

  #snapshot(links: readonly LinkInfo[], version: 4 | 6): ClosedHost {
    const alone = links.filter(({ name, masterIndex }) => masterIndex === 0 && this.#canBeNamed(name));
    return {
      earlier: alone.filter(({ kind }) => kind === 'bridge' || kind === 'veth').map(({ name }) => name),
      routers: version === 4 ? alone.map(({ name }) => name).filter(forwardsByItself) : [],
    };
  }

  #canBeNamed(name: string): boolean {
    if (!isEncodable(name))
      this.#needs.log.warn(
        { link: name },
        'an interface has a name that is no text: the firewall table cannot tell that it was there before IP forwarding was turned on',
      );
    return isEncodable(name);
  }

  #closedByTable(): Closed {
    const { firewall } = this.#needs;
    const elements = (set: Element['set']) => firewall.elementsOf(set) ?? [];
    const earlier = firewall.elementsOf('earlier');
    const dropped = elements('strangers')
      .filter(({ value }) => value !== 'accept')
      .map(({ key }) => (key[0] === 'ipv6' ? 6 : 4));
    // A table without that set dropped everything except other engines' traffic.
    const others = earlier === undefined ? new Set(elements('other-engines').map(nameIn)) : undefined;
    let closed: Closed = {};
    for (const version of dropped) {
      const there = others
        ? this.#snapshot(
            this.#needs.route.links().filter((link) => !isOurs(link) && !others.has(link.name)),
            version,
          ).earlier
        : namesOf(earlier ?? [], version);
      closed = joinClosed(closed, {
        [version]: { earlier: there, routers: version === 4 ? elements('routers4').map(nameIn) : [] },
      });
    }
    return closed;
  }
}

const enables = (network: NetworkRecord, version: 4 | 6): boolean =>
  version === 4 ? network.enableIpv4 : network.enableIpv6;

/** Made by the engine: a foreign bridge that a network uses was there before. */
function isOurs(link: LinkInfo): boolean {
  return hasMark(link) || isHostInterface(link.name, link.mac);
}

function namesOf(elements: readonly Element[], version: 4 | 6): string[] {
  return elements.filter(({ key }) => key[0] === `ipv${version}`).map(nameIn);
}

/** The interface that an element is about. */
const nameIn = ({ key }: Element): string => String(key.at(-1));
