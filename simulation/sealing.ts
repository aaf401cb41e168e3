/** What one key has sealed only that key opens. To encrypt takes real time; nobody here tries to break it. */
import type { Signing } from '../services/runtime/signing.ts';

export const sealingBy = (key: string): Pick<Signing, 'seal' | 'open'> => {
  const name = Buffer.from(key).toString('base64url');
  return {
    seal: async (plain) => Buffer.from(`${name}.${Buffer.from(plain).toString('base64url')}`),
    open: async (sealed) => {
      const [by, text = ''] = Buffer.from(sealed).toString().split('.');
      if (by !== name) throw new Error('it was sealed by another key');
      return Buffer.from(text, 'base64url');
    },
  };
};
