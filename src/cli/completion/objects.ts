/** The names that an engine has. One that does not answer soon, or with something else, has none. */
import { listContexts } from '../api/context-store.ts';
import type { ApiClient } from '../api/client.ts';
import { configDirectory } from '../api/tls-files.ts';
import type { Candidate } from './wanted.ts';
import type { ObjectKind, Value } from './flag-values.ts';

/** A person waits at a prompt. */
const PATIENCE_MS = 1500;
const MAX_NAMES = 2000;

type Ask = (path: string) => Promise<unknown>;
type Named = Readonly<Record<string, unknown>>;

const KINDS: Readonly<Record<ObjectKind, (ask: Ask, state: Value['state']) => Promise<Candidate[]>>> = {
  async container(ask, state) {
    const all = listOf(await ask('/containers/json?all=1'));
    return all
      .filter((one) => isSo(one['State'], state))
      .flatMap(({ Names, Image, Status }) => {
        const own = textsOf(Names).find((name) => name.lastIndexOf('/') === 0);
        return own === undefined ? [] : [{ word: own.slice(1), about: `${text(Image)}, ${text(Status)}` }];
      });
  },
  async image(ask) {
    const tags = listOf(await ask('/images/json')).flatMap(({ RepoTags }) => textsOf(RepoTags));
    return tags.filter((tag) => tag !== '<none>:<none>').map((tag) => ({ word: tag.replace(/:latest$/, '') }));
  },
  async network(ask) {
    return listOf(await ask('/networks')).map(({ Name, Driver }) => ({ word: text(Name), about: text(Driver) }));
  },
  async volume(ask) {
    const { Volumes } = (await ask('/volumes')) as { Volumes?: unknown };
    return listOf(Volumes).map(({ Name, Driver }) => ({ word: text(Name), about: text(Driver) }));
  },
  async context() {
    return listContexts(configDirectory(process.env)).map(({ name, description }) => ({
      word: name,
      about: description,
    }));
  },
};

/** Rejects never. */
export async function namesOf(
  client: () => ApiClient,
  { objects = [], state, suffix = '' }: Value,
): Promise<Candidate[]> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const ask: Ask = (path) => client().json('GET', path, { signal });
  const lists = await Promise.all(objects.map((kind) => KINDS[kind](ask, state).catch(() => [])));
  // What an engine says is shown at a prompt, and may be run: what is no name of anything is left out.
  const named = lists.flat().filter(({ word }) => /^[\w][\w.@:/-]*$/.test(word));
  return named.slice(0, MAX_NAMES).map((one) => ({ ...one, word: one.word + suffix }));
}

const listOf = (value: unknown): readonly Named[] =>
  Array.isArray(value) ? value.filter((one): one is Named => typeof one === 'object' && one !== null) : [];
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];

const isSo = (status: unknown, state: Value['state']): boolean =>
  state === undefined ||
  (state === 'stopped' ? status === 'created' || status === 'exited' || status === 'dead' : status === state);
