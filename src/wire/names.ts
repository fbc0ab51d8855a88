/** What the embedded DNS answers, under /causeway/: Docker's API has nothing like it. */
import type { Upstream } from '../base/dns-zone.ts';
import type { NameQuery } from '../base/name-query.ts';

/** GET /causeway/networks/{id}/dns */
export interface NetworkNamesJson {
  readonly Id: string;
  readonly Name: string;
  /** Seconds that answers may be kept. */
  readonly TTL: number;
  /** Of every name; one without addresses is known, and answered empty. */
  readonly Names: readonly {
    readonly Name: string;
    readonly A: readonly string[];
    readonly AAAA: readonly string[];
    readonly Services: readonly { readonly Service: string; readonly Target: string; readonly Port: number }[];
  }[];
  readonly Reverse: readonly { readonly Address: string; readonly Name: string }[];
  /** The containers that are answered, and what is each one's own. */
  readonly Containers: readonly {
    readonly Id: string;
    readonly Name: string;
    /** The networks whose names it is answered, by name, in the order in which they are asked. */
    readonly Networks: readonly string[];
    readonly Aliases: readonly {
      readonly Alias: string;
      readonly Network: string;
      readonly Addresses: readonly string[];
    }[];
    /** Whether other names are asked of the servers, in their order. */
    readonly Forward: boolean;
    readonly Servers: readonly {
      readonly Address: string;
      readonly Port: number;
      readonly From: Upstream['from'];
    }[];
  }[];
}

/**
 * GET /causeway/containers/{id}/dns/queries: a line of these for each question, from when it is asked for until the
 * container ends.
 */
export interface NameQueryJson {
  readonly Time: string;
  readonly Protocol: NameQuery['protocol'];
  readonly Name: string;
  readonly Type: string;
  readonly Code: string;
  readonly Answers: number;
  /** The server that was asked; empty where the answer was the engine's own. */
  readonly Server: string;
  readonly Problem: string;
  readonly DurationMs: number;
}
