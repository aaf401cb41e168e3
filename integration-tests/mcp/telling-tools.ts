/** Tools that answer at once, or tell of what they do, as the scenarios of @modelcontextprotocol/conformance call them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { object, png, saying, type Tools, text, wav } from './tools.ts';

const PAUSE_MS = 50;

export const telling: Tools = {
  test_simple_text: { run: () => saying('This is a simple text response for testing.') },
  test_image_content: { run: () => ({ content: [png] }) },
  test_audio_content: { run: () => ({ content: [wav] }) },
  test_embedded_resource: {
    run: () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  },
  test_multiple_content_types: {
    run: () => ({
      content: [
        text('Multiple content types test:'),
        png,
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: JSON.stringify({ test: 'data', value: 123 }),
          },
        },
      ],
    }),
  },
  test_tool_with_logging: {
    run: async (_, { mcpReq }) => {
      for (const said of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await mcpReq.log('info', said);
        await sleep(PAUSE_MS);
      }
      return saying('Three messages were logged');
    },
  },
  test_logging_tool: {
    run: async (_, { mcpReq }) => {
      await mcpReq.log('info', 'Logged where it is wanted');
      return saying('One message was logged, or none');
    },
  },
  test_error_handling: {
    run: () => {
      throw new Error('This tool intentionally returns an error for testing');
    },
  },
  test_tool_with_progress: {
    run: async (_, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 100, message: `${progress} of 100` },
          });
        await sleep(PAUSE_MS);
      }
      return saying('All done');
    },
  },
  test_x_mcp_header: {
    schema: object({ region: { type: 'string', 'x-mcp-header': 'Region' } }),
    run: ({ region }) => saying(`In ${region ?? 'no region'}`),
  },
  test_trigger_tool_change: {
    run: (_, __, { changed }) => {
      changed('tools');
      return saying('The tools have changed');
    },
  },
  test_trigger_prompt_change: {
    run: (_, __, { changed }) => {
      changed('prompts');
      return saying('The prompts have changed');
    },
  },
};
