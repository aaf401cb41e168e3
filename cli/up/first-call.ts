const BODY = {
  model: 'example-small',
  messages: [{ role: 'user', content: 'Say in one sentence what an event log is good for.' }],
};

/** The published key of examples/mesh.yaml. */
export const EXAMPLE_KEY = 'sk-parley-example';

/** One call through the mesh, as a client makes it. @returns its conversation. @throws with the answer when it is an error. */
export const firstCall = async (url: string): Promise<string> => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${EXAMPLE_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(BODY),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the first call through the mesh was answered ${response.status}: ${text}`);
  return response.headers.get('x-conversation-id') ?? '';
};

/** The same call, to paste. */
export const curl = (url: string): string =>
  `curl ${url}/v1/chat/completions -H 'authorization: Bearer ${EXAMPLE_KEY}' -H 'content-type: application/json' \\
    -d '${JSON.stringify({ ...BODY, messages: [{ role: 'user', content: 'Hello' }] })}'`;
