/** Lines as headers, each name in lower case; lines that are none are left out. */
export const headerLines = (text: string): [name: string, value: string][] =>
  text.split('\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as [string, string]];
  });
