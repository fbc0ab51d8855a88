/**
 * One limit for everything that a container or a client can make the daemon log without end: of each message so many
 * lines at once, then one a second. What was left out is counted, and reported with the next line. Debugging, which is
 * requested explicitly, has no limit.
 */
import type { Log } from './log.ts';

const BURST = 100;
const REFILL_MS = 1000;
/** Messages may have names in them: no more are remembered. */
const MAX_MESSAGES = 1000;
const KEY_LENGTH = 60;

interface Budget {
  left: number;
  atMs: number;
  suppressed: number;
}

export function limitLog(log: Log, nowMs: () => number = () => performance.now()): Log {
  const budgets = new Map<string, Budget>();

  function budgetOf(message: string): Budget {
    const key = message.slice(0, KEY_LENGTH);
    let budget = budgets.get(key);
    if (!budget) {
      if (budgets.size >= MAX_MESSAGES) budgets.clear();
      budgets.set(key, (budget = { left: BURST, atMs: nowMs(), suppressed: 0 }));
    }
    const earned = Math.floor((nowMs() - budget.atMs) / REFILL_MS);
    budget.left = Math.min(BURST, budget.left + earned);
    budget.atMs += earned * REFILL_MS;
    return budget;
  }

  function wrap(inner: Log): Log {
    const say = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
      const budget = budgetOf(message);
      if (budget.left === 0) return void budget.suppressed++;
      budget.left--;
      inner[level](budget.suppressed > 0 ? { ...fields, suppressed: budget.suppressed } : fields, message);
      budget.suppressed = 0;
    };
    return {
      debug: (fields, message) => inner.debug(fields, message),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      child: (bindings) => wrap(inner.child(bindings)),
    };
  }

  return wrap(log);
}
