import { userInfo } from 'node:os';

/** Who runs this, where nobody is named. Empty: the system does not say. */
export const userOfMachine = (): string => {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
};
