/** The agent under test, where the kit starts it itself. */
import { spawn } from 'node:child_process';

export interface AgentProcess {
  start(): void;
  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
  /** The last lines that it wrote to standard error. */
  errors(): string;
}

const GRACE_MS = 5_000;
const KEPT_CHARACTERS = 2_000;

export const agentProcess = (command: readonly string[], env: NodeJS.ProcessEnv): AgentProcess => {
  let written = '';
  let running: { kill(signal: NodeJS.Signals): void; gone: Promise<void> } | undefined;
  const end = async (signal: NodeJS.Signals) => {
    running?.kill(signal);
    await running?.gone;
    running = undefined;
  };
  return {
    start: () => {
      const [file = '', ...args] = command;
      const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr.on('data', (data) => {
        written = (written + data).slice(-KEPT_CHARACTERS);
      });
      const gone = new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', (error) => {
          written += `${error.message}\n`;
          resolve();
        });
      });
      running = { kill: (signal) => child.kill(signal), gone };
    },
    kill: () => end('SIGKILL'),
    stop: async () => {
      const timer = setTimeout(() => running?.kill('SIGKILL'), GRACE_MS);
      await end('SIGTERM');
      clearTimeout(timer);
    },
    errors: () => written,
  };
};
