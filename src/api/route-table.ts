/**
 * Finds the handler of a path. Container and image names may hold slashes ('web/db', 'library/nginx'), which is why
 * a route is a fixed head and a fixed tail with one open name between them, and the longest tail wins.
 */
import type { Call } from './call.ts';

export type Handler = (call: Call) => void | Promise<void>;

interface OpenRoute {
  readonly route: string;
  readonly head: string; // '/containers/'
  readonly tail: string; // '/json'
  readonly handler: Handler;
}

export interface Match {
  /** As it was added: 'GET /containers/:name/json'. */
  readonly route: string;
  readonly handler: Handler;
  readonly name: string;
}

export interface Route {
  readonly method: string;
  readonly path: string;
}

export class RouteTable {
  readonly #added: Route[] = [];
  readonly #fixed = new Map<string, Handler>();
  readonly #open = new Map<string, OpenRoute[]>(); // by method and first segment

  /** `path` is '/containers/json' or '/containers/:name/json'. */
  add(method: string, path: string, handler: Handler): void {
    this.#added.push({ method, path });
    const at = path.indexOf(':');
    if (at === -1) {
      this.#fixed.set(`${method} ${path}`, handler);
      return;
    }
    const end = path.indexOf('/', at);
    const route = {
      route: `${method} ${path}`,
      head: path.slice(0, at),
      tail: end === -1 ? '' : path.slice(end),
      handler,
    };
    const key = openKey(method, route.head);
    const routes = [...(this.#open.get(key) ?? []), route];
    routes.sort((a, b) => b.tail.length - a.tail.length || b.head.length - a.head.length);
    this.#open.set(key, routes);
  }

  /** Every route that was added. Tests hold descriptions of the API against it. */
  list(): readonly Route[] {
    return this.#added;
  }

  /** `path` is decoded and without its version. */
  find(method: string, path: string): Match | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed) return { route: `${method} ${path}`, handler: fixed, name: '' };
    for (const { route, head, tail, handler } of this.#open.get(openKey(method, path)) ?? []) {
      if (path.length > head.length + tail.length && path.startsWith(head) && path.endsWith(tail)) {
        return { route, handler, name: path.slice(head.length, path.length - tail.length) };
      }
    }
    return undefined;
  }
}

function openKey(method: string, path: string): string {
  return `${method} ${path.slice(1, path.indexOf('/', 1))}`;
}
