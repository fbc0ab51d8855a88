/** What to say where a command or a flag does not exist: what Docker has by that name, or what may have been meant. */

/** Docker's commands that are not here: why, and the way to the same end. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  buildx: "'buildx' is a plugin of the docker client: 'causeway build' builds an image",
  compose:
    "'compose' is a plugin of the docker client: install it, and point it here with DOCKER_HOST=unix:///run/causeway/causeway.sock docker compose",
  config:
    "'config' is a part of Swarm, which this engine does not have: bind-mount a file, or copy one with 'causeway cp'",
  checkpoint: "'checkpoint' is not built in: 'causeway pause' holds a container, 'causeway commit' keeps its files",
  manifest: "'manifest' is not built in: use a tool for registries such as skopeo or crane",
  node: "'node' is a part of Swarm, which this engine does not have",
  plugin: "'plugin' is not built in: the drivers for networks, volumes and logs are the ones that the engine has",
  search: "'search' is not built in: look at https://hub.docker.com, and use 'causeway pull'",
  secret: "'secret' is a part of Swarm, which this engine does not have: bind-mount a file, read-only",
  service: "'service' is a part of Swarm, which this engine does not have: use 'causeway run --restart always'",
  stack: "'stack' is a part of Swarm, which this engine does not have: use Compose",
  swarm: "'swarm' is not built in: this engine runs the containers of one machine",
  trust: "'trust' is not built in: pull images by digest (NAME@sha256:...) to know what you get",
  'context create':
    "Docker's contexts are read here, but for this daemon's (causeway context install): docker context create",
  'context export': "Docker's contexts are read here, not written: docker context export",
  'context import': "Docker's contexts are read here, not written: docker context import",
  'context inspect': 'causeway context ls shows what is read of a context; all of it: docker context inspect',
  'context use': 'choose a context with --context NAME or DOCKER_CONTEXT=NAME',
  'context rm': "Docker's contexts are read here, not written: docker context rm",
  'context update': "Docker's contexts are read here, not written: docker context update",
};

export const elsewhere = (words: string): string | undefined =>
  Object.hasOwn(ELSEWHERE, words) ? ELSEWHERE[words] : undefined;

/** The one name that is nearest to a mistyped word; undefined: none is near, or the word is too short to tell. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const allowed = word.length < 3 ? 0 : word.length < 6 ? 1 : 2;
  if (allowed === 0 || word.length > 40) return undefined;
  let best: string | undefined;
  let least = allowed + 1;
  for (const name of names) {
    const distance = editDistance(word, name);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** Insertions, deletions, changes and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, at) => [at]);
  for (let column = 0; column <= b.length; column++) rows[0]![column] = column;
  for (let row = 1; row <= a.length; row++) {
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(rows[row - 1]![column]! + 1, rows[row]![column - 1]! + 1, rows[row - 1]![column - 1]! + same);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, rows[row - 2]![column - 2]! + 1);
      rows[row]![column] = cost;
    }
  }
  return rows[a.length]![b.length]!;
}
