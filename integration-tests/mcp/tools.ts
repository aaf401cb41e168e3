/** What a tool of the upstream for tests is. */
import type {
  AudioContent,
  CallToolResult,
  ImageContent,
  InputRequiredResult,
  ServerContext,
  TextContent,
  ToolAnnotations,
} from '@modelcontextprotocol/server';

export type Answer = CallToolResult | InputRequiredResult;

/** What a tool can do to its server. */
export interface House {
  /** Tells clients that a list has changed. */
  changed(list: 'tools' | 'prompts' | 'resources'): void;
  /** Tells subscribers that a resource has. */
  updated(uri: string): void;
  /** Resolves once the test lets it. */
  released: Promise<void>;
}

export interface Tool {
  description?: string;
  /** JSON Schema; default: no arguments. */
  schema?: object;
  /** JSON Schema of what it gives as structured content; default: it gives none. */
  output?: object;
  annotations?: ToolAnnotations;
  run(args: Record<string, unknown>, context: ServerContext, house: House): Answer | Promise<Answer>;
}
export type Tools = Record<string, Tool>;

export const object = (properties: object, required: readonly string[] = []): object => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});

export const text = (said: string): TextContent => ({ type: 'text', text: said });
export const saying = (said: string): CallToolResult => ({ content: [text(said)] });

/** One pixel. */
export const png: ImageContent = {
  type: 'image',
  data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  mimeType: 'image/png',
};
/** No sound at all. */
export const wav: AudioContent = {
  type: 'audio',
  data: 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=',
  mimeType: 'audio/wav',
};
