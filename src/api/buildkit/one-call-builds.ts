/**
 * BuildKit's builds by POST /build?version=2: one call asks for a build, and its answer tells how it goes on. So build Docker's
 * own clients up to 20.10, which have no buildx, and libraries. What else a build needs comes over the client's session.
 */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { visibleText } from '../../base/control-characters.ts';
import { invalid, notFound, unavailable } from '../../base/errors.ts';
import { BuildAnswer } from '../build-answer.ts';
import type { Call } from '../call.ts';
import type { OneCallOrder } from '../map/one-call-order.ts';
import { solveAlone, type BridgeNeeds } from './bridge-service.ts';
import { runSolve } from './run-solve.ts';

/** A client sends its context and asks for the build at the same time. */
const PATIENCE_MS = 10_000;
const UPLOAD = 'upload-request:';

interface Upload {
  readonly body: Readable;
  readonly taken: () => void;
}

export class OneCallBuilds {
  /** Of builds that clients have given names, by these. */
  readonly #cancels = new Map<string, () => void>();
  readonly #uploads = new Waiting<Upload>();

  async build(call: Call, order: OneCallOrder, needs: BridgeNeeds): Promise<void> {
    if (order.id.startsWith(UPLOAD)) return await this.#upload(call, order.id.slice(UPLOAD.length));
    const cancelled = new AbortController();
    if (order.id !== '') {
      if (this.#cancels.has(order.id)) throw invalid(`build ID ${order.id} exists`);
      this.#cancels.set(order.id, () => cancelled.abort());
    }
    try {
      await this.#run(call, needs, order, AbortSignal.any([call.signal, cancelled.signal]));
    } finally {
      if (order.id !== '') this.#cancels.delete(order.id);
    }
  }

  /** Ends it, as if its client had gone. @throws invalid, notFound */
  cancel(id: string): void {
    if (id === '') throw invalid('build ID not provided');
    const cancel = this.#cancels.get(id);
    if (!cancel) throw notFound(`no such build: ${id}`);
    cancel();
  }

  /** Its body is the context of the build of this name: it is answered when that has taken it. */
  async #upload(call: Call, id: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#uploads.give(id, { body: call.request, taken: resolve }, call.signal).catch(reject);
      call.response.once('close', resolve);
    });
    call.replyEmpty(200);
  }

  async #run(
    call: Call,
    needs: BridgeNeeds,
    { attrs, exporters, session, id, context, isQuiet }: OneCallOrder,
    signal: AbortSignal,
  ): Promise<void> {
    const upload = context === 'upload' ? await this.#uploads.get(id, signal) : undefined;
    const archive = context === 'body' ? call.request : upload?.body;
    const answer = new BuildAnswer(call.response);
    const tell = (line: unknown): void => (isQuiet ? answer.keep(line) : answer.write(line));
    const ref = randomBytes(16).toString('hex');
    const build = needs.builds.get(ref);
    const watched = (async () => {
      for await (const update of build.log.read(signal))
        tell({ id: 'moby.buildkit.trace', aux: update.toString('base64') });
    })();
    try {
      const request = {
        ...EMPTY_REQUEST,
        ref,
        session,
        exporters,
        frontend: 'dockerfile.v0',
        frontendAttrs: attrs,
      };
      const solve = (one: typeof build) => solveAlone(needs, one, request, archive);
      const told = await runSolve({ builds: needs.builds, solve }, request, signal);
      await watched;
      const image = told.get('containerimage.digest');
      if (isQuiet) answer.writeLast(image === undefined ? [] : [{ stream: `${image}\n` }]);
      else answer.writeLast(image === undefined ? [] : [{ id: 'moby.image.id', aux: { ID: image } }]);
    } catch (error) {
      await watched;
      if (!answer.hasAny) throw error;
      answer.writeKept();
      const message = visibleText(needs.explain(error));
      answer.writeLast([{ errorDetail: { message }, error: message }]);
    } finally {
      upload?.taken();
    }
    call.response.end();
  }
}

const EMPTY_REQUEST = {
  definition: undefined,
  exporter: '',
  exporterAttrs: new Map<string, string>(),
  cache: undefined,
  entitlements: [],
};

/** Two meet under a name, in either order. */
class Waiting<T> {
  readonly #given = new Map<string, T>();
  readonly #wanted = new Map<string, (one: T) => void>();

  /** @throws unavailable where nobody comes for it */
  async give(name: string, one: T, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted.get(name);
    if (wanted) return wanted(one);
    if (this.#given.has(name)) throw invalid(`build ID ${name} exists`);
    this.#given.set(name, one);
    await patience(signal);
    if (this.#given.get(name) !== one) return; // it was taken
    this.#given.delete(name);
    throw unavailable(`no build asks for the context ${name}`);
  }

  /** @throws unavailable where nobody gives it */
  async get(name: string, signal: AbortSignal): Promise<T> {
    const given = this.#given.get(name);
    this.#given.delete(name);
    if (given !== undefined) return given;
    if (this.#wanted.has(name)) throw invalid(`build ID ${name} exists`);
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#wanted.set(name, resolve);
        void patience(signal).then(() => reject(unavailable(`the context of the build ${name} does not come`)));
      });
    } finally {
      this.#wanted.delete(name);
    }
  }
}

async function patience(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS).unref();
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
