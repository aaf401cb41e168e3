/** The one call of a model that everything here makes and answers. */
export const MODEL = 'bench-model';
/** Its hash is in bench/mesh.yaml. */
export const KEY = 'sk-parley-bench';

/** What the upstream says, whole or in these pieces. */
export const ANSWER =
  'A log keeps every event in the order it came, so whoever reads it later can see what was known, and when.';
export const STREAMED = ANSWER.split(/(?= )/);

/** A chat of about 300 bytes. */
export const requestBody = (stream: boolean): string =>
  JSON.stringify({
    model: MODEL,
    messages: [
      { role: 'system', content: 'You are a terse assistant of a platform team. Answer in one sentence.' },
      { role: 'user', content: 'Our order service lost a message last night. What would an event log have told us?' },
    ],
    temperature: 0.2,
    max_tokens: 64,
    ...(stream && { stream: true }),
  });

/**
 * What is wrong with an answer, or nothing.
 * @param text the whole body
 */
export const fault = (status: number, text: string, stream: boolean): string | undefined => {
  if (status !== 200) return `${status}: ${text.slice(0, 200)}`;
  if (!stream) return text.includes(ANSWER) ? undefined : `another answer: ${text.slice(0, 200)}`;
  const missing = STREAMED.find((word) => !text.includes(JSON.stringify(word)));
  if (missing !== undefined) return `a stream without "${missing}": ${text.slice(0, 200)}`;
  return text.endsWith('data: [DONE]\n\n') ? undefined : `a stream that ends in: ${text.slice(-200)}`;
};

/** What a load generator sends again and again, and what is wrong with what comes back. */
export interface Call {
  /** After the base URL. */
  path: string;
  headers: Record<string, string>;
  /** @param n how many were made before it. */
  body(n: number): string;
  /** An answer has begun with the first part that holds this; default: with its first byte. */
  begins?: string;
  /** Of the whole answer. */
  fault(status: number, text: string): string | undefined;
}

export const chatCall = (stream: boolean): Call => {
  const body = requestBody(stream);
  return {
    path: '/chat/completions',
    headers: {},
    body: () => body,
    fault: (status, text) => fault(status, text, stream),
  };
};
