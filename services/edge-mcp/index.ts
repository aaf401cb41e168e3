import type { Service } from '../runtime/service.ts';
import { startCatalogue } from './catalogue/catalogue.ts';
import { followDefinitions } from './catalogue/known-definitions.ts';
import { startInbound } from './inbound/inbound.ts';
import { followLogins } from './logins/follow-logins.ts';
import { startRenewals } from './logins/renewals.ts';
import { sharedLogins } from './logins/shared-logins.ts';
import { createConnections } from './outbound/connections.ts';
import { startOutbound } from './outbound/outbound.ts';

/** The edge between MCP clients, the mesh and MCP servers: MCP on both sides, events between. */
export const edgeMcp: Service = {
  name: 'edge-mcp',
  group: 'edge-mcp-outbound',
  reads: [
    'mesh.configuration',
    'mesh.definitions',
    'mesh.reviews',
    'mesh.logins',
    'mesh.sessions',
    'mesh.idempotency-keys',
    'mesh.settlements',
    'mesh.inputs',
    'mesh.server-changes',
    'mesh.agents',
    'mesh.task-updates',
    'mesh.decisions',
    'mesh.dispatches',
    'mesh.attempts',
    'mesh.responses',
    'mesh.cancellations',
  ],
  writes: [
    'RequestReceived',
    'AuthenticationFailed',
    'IdempotencyKeyUsed',
    'SessionChanged',
    'RootsChanged',
    'InputProvided',
    'CancelRequested',
    'AttemptBegun',
    'AttemptFailed',
    'ProbeSucceeded',
    'ResponseChunk',
    'ResponseCompleted',
    'ResponseFailed',
    'ResourceChanged',
    'ListChanged',
    'ServerObserved',
    'DefinitionObserved',
    'DefinitionReviewed',
    'LoggedIn',
    'LoggedOut',
    'LoginRefused',
    'EventDeadLettered',
  ],
  start: async (context) => {
    const known = await followDefinitions(context.log, context.logger.child({ service: 'edge-mcp' }));
    // Begun in this order; what inbound waits for, outbound still performs.
    const begun: (() => Promise<void>)[] = [known.close];
    const stop = async () => {
      for (const end of begun.splice(0).reverse()) await end();
    };
    try {
      const logins = await followLogins(context.log, context.logger.child({ service: 'edge-mcp' }));
      begun.push(logins.close);
      const connections = createConnections(context, sharedLogins(context, logins));
      const renewals = await startRenewals(context, logins, connections);
      begun.push(renewals.stop);
      const outbound = await startOutbound(context, connections, known.definitions);
      begun.push(outbound.stop);
      const catalogue = startCatalogue(context, known, {
        ...connections,
        // A server that the mesh is logged in to offers what it did not before.
        onListChanged: (server, listener) => {
          const ends = [connections.onListChanged(server, listener), logins.listen(server, listener)];
          return () => {
            for (const end of ends) end();
          };
        },
      });
      begun.push(catalogue.stop);
      const inbound = await startInbound(context, known, (server, uri) => connections.watchOf(server).hold(uri));
      begun.push(inbound.stop);
      return { stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};
