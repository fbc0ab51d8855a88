/** News of a build's steps -> the parts that clients draw, under the names that BuildKit gives them. */
import type { BuildNews, StepBegins, StepEnds } from '../../model/build-news.ts';
import type { BuildPhase, SolveWatch } from '../../model/build-watch.ts';
import { DockerfileError } from '../../model/dockerfile-error.ts';
import { formatReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import type { ProgressMessage } from '../../model/registry.ts';
import { GrpcError, UNKNOWN } from '../../base/grpc/grpc-status.ts';
import { sourceDetail } from './source-detail.ts';
import type { Vertex, Vertices } from './vertices.ts';

/** The name behind FROM, with nothing of the flags before it and the stage's name behind it. */
const FROM = /^FROM\s+(?:--\S+\s+)*(\S+)/i;

export class BuildDisplay implements SolveWatch {
  readonly #vertices: Vertices;
  readonly #explain: (error: unknown) => string;
  /** Of steps that are under way, by their ids. */
  readonly #steps = new Map<string, Vertex>();
  /** Stages whose FROM is no part: they begin with another stage, or with nothing. */
  readonly #unshown = new Set<string>();
  readonly #texts = new Map<string, string>();
  #source: { readonly filename: string; readonly text: string } | undefined;
  #hasStages = false;
  /** The step that failed. */
  #failure: { readonly error: unknown; readonly text: string } | undefined;

  constructor(vertices: Vertices, explain: (error: unknown) => string) {
    this.#vertices = vertices;
    this.#explain = explain;
  }

  source(filename: string, text: string): void {
    this.#source = { filename, text };
    this.#hasStages = (text.match(/^\s*FROM\s/gim)?.length ?? 0) > 1;
  }

  phase(name: string): BuildPhase {
    return phaseOf(this.#vertices.begin(name), this.#explain);
  }

  readonly report = (news: BuildNews): void => {
    switch (news.news) {
      case 'step':
        return this.#begin(news);
      case 'cached':
        return this.#steps.get(news.id)?.cached();
      case 'output':
        return this.#steps.get(news.id)?.print(news.stream, news.text);
      case 'warning':
        return this.#steps.get(news.id)?.warn(news.text);
      case 'pull':
        return this.#pulled(news.id, news.message);
      case 'ended':
        return this.#end(news);
      default:
        return undefined;
    }
  };

  #begin({ id, after, text, place }: StepBegins): void {
    this.#texts.set(id, text);
    if (!place || place.step === 0) return;
    const base = place.step === 1 ? FROM.exec(text)?.[1] : undefined;
    if (base !== undefined && (after !== '' || base === 'scratch')) {
      this.#unshown.add(place.stage);
      return;
    }
    const fewer = this.#unshown.has(place.stage) ? 1 : 0;
    const stage = this.#hasStages ? `${place.stage} ` : '';
    const shown = base === undefined ? text : `FROM ${fullName(base)}`;
    const name = `[${stage}${place.step - fewer}/${place.steps - fewer}] ${shown}`;
    this.#steps.set(id, this.#vertices.begin(name));
  }

  #end({ id, outcome, cause }: StepEnds): void {
    const text = this.#texts.get(id) ?? '';
    this.#texts.delete(id);
    if (outcome === 'failed') this.#failure ??= { error: cause, text };
    const vertex = this.#steps.get(id);
    this.#steps.delete(id);
    // Clients draw a part that ends with these words as cancelled.
    if (outcome === 'cancelled') vertex?.end('context canceled');
    else vertex?.end(outcome === 'failed' ? this.#explain(cause) : undefined);
  }

  #pulled(step: string, { id, status, progressDetail }: ProgressMessage): void {
    if (id === undefined || progressDetail?.current === undefined) return;
    const what = `${status ?? ''} ${id}`.trim();
    this.#steps.get(step)?.status(what, progressDetail.current, progressDetail.total ?? 0);
  }

  /** The same error, with the place in the Dockerfile where one is known, as clients show it. */
  located(error: unknown): unknown {
    const source = this.#source;
    const line = error instanceof DockerfileError ? error.line : this.#lineOf(error);
    if (line === undefined || !source) return error;
    return new GrpcError(UNKNOWN, this.#explain(error), [sourceDetail(source, line)]);
  }

  /** Of the instruction that failed; undefined where there are several like it. */
  #lineOf(error: unknown): number | undefined {
    if (!this.#failure || this.#failure.error !== error || !this.#source) return undefined;
    const first = this.#failure.text.split('\n')[0]!.trim();
    const lines = this.#source.text.split('\n').map((line) => line.trim());
    const at = lines.indexOf(first);
    return first !== '' && at >= 0 && lines.indexOf(first, at + 1) < 0 ? at + 1 : undefined;
  }
}

function phaseOf(vertex: Vertex, explain: (error: unknown) => string): BuildPhase {
  return {
    status: (what, current, total) => vertex.status(what, current, total),
    done: (what) => vertex.done(what),
    end: (failure) => vertex.end(failure === undefined ? undefined : explain(failure)),
  };
}

function fullName(reference: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(reference)));
  } catch {
    return reference;
  }
}
