// Loaded before a test file, and one of its reporters: ends a process whose tests are all reported and whose hooks are
// done when something that a test left open still keeps it alive. Failed tests do that, and it could go on for ever.
import { writeSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

/** How long such a process may take to end by itself: longer than the minute after which tests give up waiting. */
const PATIENCE_MS = Number(process.env.CAUSEWAY_TEST_END_MS ?? 75_000);
const TURN_MS = 250;

const open = { tests: 0, hooks: 0 };
let begun = false;

/** The reporter, which prints nothing. */
export default async function* (events) {
  for await (const { type, data } of events) {
    if (data?.nesting !== 0) continue;
    if (type === 'test:enqueue') ((open.tests += 1), (begun = true));
    if (type === 'test:pass' || type === 'test:fail') ((open.tests -= 1), (turns = 0));
  }
}

// The hooks of a file run after its last test is reported, and may take their time.
const api = createRequire(import.meta.url)('node:test');
const { after } = api;
api.after = (hook, options) => after(hook.length > 1 ? hook : counted(hook), options); // with two parameters one calls back
syncBuiltinESMExports();

function counted(hook) {
  return async (...given) => {
    open.hooks += 1;
    try {
      return await hook(...given);
    } finally {
      open.hooks -= 1;
    }
  };
}

// Turns are counted and not time: a test or a busy machine may hold this process up for longer.
let turns = 0;
setInterval(() => {
  turns = begun && open.tests === 0 && open.hooks === 0 ? turns + 1 : 0;
  if (turns * TURN_MS < PATIENCE_MS) return;
  const kept = process.getActiveResourcesInfo().filter((name) => !name.startsWith('TTY'));
  writeSync(1, `# the tests left something open, the process was ended: ${[...new Set(kept)].join(', ')}\n`);
  process.exit(1);
}, TURN_MS).unref();
