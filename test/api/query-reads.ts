/** Which query parameters the handler of each route reads, told from the source: functions that get the call or its query. */
import { readdirSync, readFileSync } from 'node:fs';

const API = new URL('../../src/api/', import.meta.url);
const READ = /\bquery\.(?:text|texts|flag|integer|has|terminalSize)\(\s*'([^']+)'/g;
const DYNAMIC = /\bquery\.(?:text|texts|flag|integer|has|terminalSize)\(\s*[^'\s)]/;
const PASSED_ON = /\b(\w+)\((?:[^()']*, )?(?:call|query|call\.query)[,)]/g;

/** 'GET /containers/json' -> ['all', 'filters', ...], of routes that read any. */
export function queryReads(): ReadonlyMap<string, readonly string[]> {
  const texts = readdirSync(API, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(new URL(name, API), 'utf8'));
  const functions = new Map<string, string>();
  for (const text of texts) {
    for (const [, name = '', body = ''] of text.matchAll(/^(?:export )?(?:async )?function (\w+)([\s\S]*?\n)}\n/gm))
      functions.set(name, body);
  }
  const reads = new Map<string, readonly string[]>();
  for (const text of texts) {
    for (const [, method, path, handler = ''] of text.matchAll(
      /routes\.add\(\s*'(\w+)',\s*'([^']+)',\s*([\s\S]*?),?\s*\);\n/g,
    )) {
      const found = new Set<string>();
      collect(/^\w+$/.test(handler) ? (functions.get(handler) ?? '') : handler, functions, found, new Set());
      if (found.size > 0) reads.set(`${method} ${path}`, [...found].sort());
    }
  }
  return reads;
}

function collect(body: string, functions: ReadonlyMap<string, string>, found: Set<string>, seen: Set<string>): void {
  if (DYNAMIC.test(body)) throw new Error(`a query parameter is read by a name that is not written there: ${body}`);
  for (const [, name = ''] of body.matchAll(READ)) found.add(name);
  for (const [, name = ''] of body.matchAll(PASSED_ON)) {
    const callee = functions.get(name);
    if (callee === undefined || seen.has(name)) continue;
    seen.add(name);
    collect(callee, functions, found, seen);
  }
}
