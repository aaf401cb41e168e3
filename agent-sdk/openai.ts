/** Chat completions of the OpenAI API, as far as an agent needs their types. The rest is passed on as it is. */

export interface ChatMessage {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  content?: string | null | Record<string, unknown>[];
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  [field: string]: unknown;
}

export interface ToolCall {
  id: string;
  type: string;
  function: { name: string; arguments: string };
}

export interface ChatRequest {
  /** As the mesh names it. */
  model: string;
  messages: ChatMessage[];
  [field: string]: unknown;
}

export interface ChatCompletion {
  id: string;
  model: string;
  choices: {
    index: number;
    finish_reason: string;
    message: { role: 'assistant'; content: string | null; tool_calls?: ToolCall[]; [field: string]: unknown };
  }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
  /** What the first choice says; empty where it says nothing. */
  text: string;
  [field: string]: unknown;
}

/** Whether asking twice does no harm beyond its cost: not where the provider itself acts, or keeps the answer. */
export const isRepeatable = ({ store, tools }: ChatRequest): boolean =>
  store !== true &&
  (Array.isArray(tools) ? (tools as { type?: unknown }[]) : []).every(({ type = 'function' }) => type === 'function');
