/** Numbers as options of a command line. */
import { InvalidArgumentError } from 'commander';

export const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0.');
  return value;
};

export const whole = (text: string): number => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('must be whole numbers above 0.');
  return Number(text);
};

/** Separated by commas; none in an empty text. */
export const wholes = (text: string): number[] => text.split(',').filter(Boolean).map(whole);
