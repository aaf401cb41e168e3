/** Agents that live on the mesh's log. `testing.ts` runs them without one. */
export { type Artifact, type Content, type Message, type Part, type Task, type TaskState, textOf } from './a2a.ts';
export { type Agent, type AgentOptions, createAgent } from './agent.ts';
export type { AgentCard, AgentSkill } from './card.ts';
export { CallFailed, Cancelled, Diverged, Refused, Rejected, StepFailed, TooLarge } from './errors.ts';
export type { Handler } from './handler.ts';
export type { ToolResult } from './mcp.ts';
export type { ChatCompletion, ChatMessage, ChatRequest } from './openai.ts';
export type { Context, OtherAgent, TaskLog } from './task/context.ts';
export type { Incoming } from './task/hearing.ts';
export type { Answer, ArtifactContent } from './task/sayings.ts';
