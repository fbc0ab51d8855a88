/** Lays JSON out with four spaces, changing nothing else: numbers, escapes and the order of keys stay as they came. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export function indentJson(json: string, indent = '    ', prefix = ''): string {
  let depth = 0;
  let out = '';
  let opened = false;
  const newline = () => `\n${prefix}${indent.repeat(depth)}`;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      out += opened ? token : newline() + token;
      opened = false;
      continue;
    }
    if (opened) out += newline();
    opened = false;
    if (token === '{' || token === '[') {
      depth++;
      opened = true;
      out += token;
    } else if (token === ',') out += `,${newline()}`;
    else if (token === ':') out += ': ';
    else out += token;
  }
  return out;
}
