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
import { forwardsByItself, isForwardingOff, listensToRouters, turnForwardingOn } from '../host/host-facts.ts';
import { diffFacts } from '../firewall/facts/diff.ts';
import type { Element } from '../firewall/facts/element.ts';
import { factsOfHost, type ClosedHost, type FirewallPolicy } from '../plan/firewall-facts.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { isEncodable } from '../interfaces/link-name.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';

export class Forwarding {
  readonly #core: NetworkCore;
  readonly #file: ForwardingNoteFile;
  /** What is turned on once the table is written, at the start. */
  readonly #pending = new Set<4 | 6>();
  #tableWritten = false;
  #listeners6: readonly string[] = [];

  constructor(core: NetworkCore) {
    this.#core = core;
    this.#file = new ForwardingNoteFile(join(core.config.stateDir, 'forwarding'), core.log);
  }

  /** At the start: what the note says, and the table, which another data root's daemon may have left. */
  recall(): void {
    const { closed, listeners6 } = this.#file.read();
    this.#listeners6 = listeners6;
    const joined = joinClosed(closed, this.#closedByTable());
    this.#core.policy = { ...this.#core.policy, closed: joined };
    if (JSON.stringify(joined) !== JSON.stringify(closed)) this.#file.write({ closed: joined, listeners6 });
  }

  /** Sees to it that the host forwards; true where it did not. At the start that waits for `carryOut`. */
  need(versions: readonly (4 | 6)[]): boolean {
    const off = versions.filter((version) => !this.#pending.has(version) && isForwardingOff(version));
    if (off.length === 0) return false;
    const core = this.#core;
    const closed = this.#closedBy(off);
    this.#file.write({ closed, listeners6: this.#listeners6 });
    const policy = { ...core.policy, closed };
    for (const version of off) this.#pending.add(version);
    // At the start the whole table is written at once.
    if (this.#tableWritten) this.#closeAndTurnOn(policy);
    else core.policy = policy;
    return true;
  }

  #closeAndTurnOn(policy: FirewallPolicy): void {
    const core = this.#core;
    try {
      core.firewall.change(diffFacts(factsOfHost(core.policy), factsOfHost(policy)));
      core.policy = policy;
      this.#turnOn();
    } finally {
      this.#pending.clear();
    }
  }

  /** The table is written. */
  carryOut(): void {
    this.#tableWritten = true;
    this.#turnOn();
    this.#pending.clear();
  }

  #turnOn(): void {
    const links = this.#core.route.links().map((link) => link.name);
    for (const version of this.#pending) turnForwardingOn(version, links);
    if (this.#pending.size > 0)
      this.#core.log.info(
        { ipv4: this.#pending.has(4), ipv6: this.#pending.has(6) },
        'IP forwarding turned on: packets that are not of containers are dropped, but those of bridges and veths that others make from now on',
      );
  }

  /**
   * While the daemon runs, another program may turn it off briefly, and bridges that came after the daemon first turned
   * it on go on as before. At the start nothing can have relied on it.
   */
  #closedBy(versions: readonly (4 | 6)[]): Closed {
    const { policy, route } = this.#core;
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
      this.#core.log.warn(
        { link: name },
        'an interface has a name that is no text: the firewall table cannot tell that it was there before IP forwarding was turned on',
      );
    return isEncodable(name);
  }

  #closedByTable(): Closed {
    const { firewall } = this.#core;
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
            this.#core.route.links().filter((link) => !isOurs(link) && !others.has(link.name)),
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

/** Made by the engine: a foreign bridge that a network uses was there before. */
function isOurs(link: LinkInfo): boolean {
  return hasMark(link) || isHostInterface(link.name, link.mac);
}

function namesOf(elements: readonly Element[], version: 4 | 6): string[] {
  return elements.filter(({ key }) => key[0] === `ipv${version}`).map(nameIn);
}

/** The interface that an element is about. */
const nameIn = ({ key }: Element): string => String(key.at(-1));
