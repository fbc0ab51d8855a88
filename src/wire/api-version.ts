/** Versions of the Engine API as they stand in paths and headers ('1.44'), and how they compare. */

/** '1.44' as a number that compares, 1044; NaN where the text is no version. Anything below the minor is ignored. */
export function apiVersionNumber(text: string): number {
  const [major = '', minor = ''] = text.split('.');
  if (!/^\d*$/.test(major) || !/^\d*$/.test(minor) || (major === '' && minor === '')) return Number.NaN;
  return Number(major) * 1000 + Number(minor);
}

/** '1.44' is older than '1.51'. What is no version is neither older nor newer than any. */
export function isOlderApi(version: string, than: string): boolean {
  return apiVersionNumber(version) < apiVersionNumber(than);
}
