import type { ServiceContext } from '../service.ts';

/** Where clients reach the mesh: as configured, else where this process listens; without a slash at its end. */
export const publicUrlOf = ({ configuration, http }: Pick<ServiceContext, 'configuration' | 'http'>): string => {
  const configured = configuration()?.a2a.publicUrl;
  if (configured) return configured.replace(/\/+$/, '');
  const listening = http.server.address();
  if (listening === null || typeof listening === 'string') return 'http://localhost';
  const { address, port } = listening;
  const host = address === '0.0.0.0' || address === '::' ? 'localhost' : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
};
