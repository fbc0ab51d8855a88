/** Order in which people count: "web2" before "web10". Characters by their code otherwise. */
export function naturalOrder(a: string, b: string): number {
  const partsA = a.match(/\d+|\D+/g) ?? [];
  const partsB = b.match(/\d+|\D+/g) ?? [];
  for (let at = 0; at < Math.min(partsA.length, partsB.length); at++) {
    const [one, two] = [partsA[at] ?? '', partsB[at] ?? ''];
    if (one === two) continue;
    if (/^\d/.test(one) && /^\d/.test(two)) {
      const [shortOne, shortTwo] = [one.replace(/^0+(?=\d)/, ''), two.replace(/^0+(?=\d)/, '')];
      if (shortOne.length !== shortTwo.length) return shortOne.length - shortTwo.length;
      if (shortOne !== shortTwo) return shortOne < shortTwo ? -1 : 1;
      return one.length - two.length;
    }
    return one < two ? -1 : 1;
  }
  return partsA.length - partsB.length;
}
