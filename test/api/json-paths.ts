/** Every path of a JSON value: 'Config.Cmd', '[].Health.Status'. */
export function jsonPaths(value: unknown, path = ''): Set<string> {
  const paths = new Set<string>();
  if (Array.isArray(value)) {
    for (const element of value) for (const one of jsonPaths(element, `${path}[]`)) paths.add(one);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      const own = path === '' ? name : `${path}.${name}`;
      paths.add(own);
      for (const one of jsonPaths(part, own)) paths.add(one);
    }
  }
  return paths;
}
