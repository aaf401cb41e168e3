import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * Answers `Expect`. Node says `100 Continue` as soon as it has read the head of a request, and where an answer before it on
 * the same connection is not over yet, its own head may come before that: then a client takes the line for a part of a body.
 * So it is said once it is the request's turn, if it has no answer by then.
 * @param refuse answers a request that expects anything else, which node would do with an empty body.
 */
export const answerExpectations = (
  server: Server,
  refuse: (request: IncomingMessage, response: ServerResponse) => void,
): void => {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const goOn = () => {
      if (!response.headersSent) response.writeContinue();
    };
    if (response.socket) goOn();
    else response.once('socket', goOn);
    server.emit('request', request, response);
  });
  server.on('checkExpectation', refuse);
};
